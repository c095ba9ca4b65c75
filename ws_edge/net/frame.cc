#include "ws_edge/net/frame.h"

#include <cstring>
#include <new>

namespace edge {
namespace {

// RFC 6455 section 5.2: FIN and opcode, then the length in 7, 7+16 or 7+64 bits.
size_t HeaderSize(size_t payload) { return payload < 126 ? 2 : payload <= 0xffff ? 4 : 10; }

void WriteHeader(Opcode opcode, size_t payload, char* at) {
  at[0] = static_cast<char>(0x80 | static_cast<uint8_t>(opcode));
  const size_t length_bytes = HeaderSize(payload) - 2;
  at[1] = static_cast<char>(length_bytes == 0 ? payload : length_bytes == 2 ? 126 : 127);
  for (size_t i = 0; i < length_bytes; ++i) {
    at[2 + i] = static_cast<char>(payload >> (8 * (length_bytes - 1 - i)));
  }
}

}  // namespace

Frame* Frame::Allocate(size_t size) {
  return new (::operator new(sizeof(Frame) + size)) Frame(size);
}

FramePtr Frame::Encode(Opcode opcode, std::string_view payload) {
  const size_t header = HeaderSize(payload.size());
  Frame* frame = Allocate(header + payload.size());
  WriteHeader(opcode, payload.size(), frame->data());
  if (!payload.empty()) std::memcpy(frame->data() + header, payload.data(), payload.size());
  return FramePtr(frame);
}

FramePtr Frame::Copy(std::string_view bytes) {
  Frame* frame = Allocate(bytes.size());
  std::memcpy(frame->data(), bytes.data(), bytes.size());
  return FramePtr(frame);
}

std::string_view Frame::payload() const {
  const auto length = static_cast<uint8_t>(data()[1]);
  return bytes().substr(length < 126 ? 2 : length == 126 ? 4 : 10);
}

void intrusive_ptr_release(const Frame* frame) {
  if (--frame->references_ > 0) return;
  frame->~Frame();
  ::operator delete(const_cast<Frame*>(frame));
}

}  // namespace edge
