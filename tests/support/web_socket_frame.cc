#include "tests/support/web_socket_frame.h"

#include <array>

#include "tests/support/deadline.h"

namespace support {
namespace {

constexpr std::uint8_t kFinBit = 0x80;
constexpr std::uint8_t kMaskBit = 0x80;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::array<std::uint8_t, 4> kMask{0x37, 0xfa, 0x21, 0x3d};  // RFC 6455, section 5.7

void AppendBigEndian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

}  // namespace

std::string EncodeFrame(const Frame& frame, std::optional<std::uint64_t> declared_length) {
  const std::uint64_t length = declared_length.value_or(frame.payload.size());
  const std::uint8_t mask_bit = frame.masked ? kMaskBit : 0;
  std::string out;
  out.reserve(frame.payload.size() + 14);
  out.push_back(
      static_cast<char>((frame.fin ? kFinBit : 0) | (frame.reserved << 4) | frame.opcode));
  if (length < kLength16) {
    out.push_back(static_cast<char>(mask_bit | length));
  } else if (length <= 0xffff) {
    out.push_back(static_cast<char>(mask_bit | kLength16));
    AppendBigEndian(out, length, 2);
  } else {
    out.push_back(static_cast<char>(mask_bit | kLength64));
    AppendBigEndian(out, length, 8);
  }
  if (!frame.masked) return out + frame.payload;
  for (const std::uint8_t byte : kMask) out.push_back(static_cast<char>(byte));
  for (std::size_t i = 0; i < frame.payload.size(); ++i) {
    out.push_back(static_cast<char>(frame.payload[i] ^ kMask[i % kMask.size()]));
  }
  return out;
}

std::string EncodeText(std::string_view text) {
  Frame frame;
  frame.payload = text;
  return EncodeFrame(frame);
}

int Frame::CloseCode() const {
  constexpr int kNoCode = 1005;  // RFC 6455, section 7.4.1
  if (payload.size() < 2) return kNoCode;
  return static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]);
}

std::string Frame::CloseReason() const { return payload.size() < 2 ? "" : payload.substr(2); }

bool TakeFrame(std::string_view& bytes, Frame& frame) {
  if (bytes.size() < 2) return false;
  const auto byte = [bytes](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if ((byte(1) & kMaskBit) != 0) throw TestFailure("the edge masks its frames");
  std::size_t head = 2;
  std::uint64_t length = byte(1);
  if (length >= kLength16) {
    head += length == kLength16 ? 2 : 8;
    if (bytes.size() < head) return false;
    length = 0;
    for (std::size_t i = 2; i < head; ++i) length = length << 8 | byte(i);
  }
  if (bytes.size() - head < length) return false;
  frame.fin = (byte(0) & kFinBit) != 0;
  frame.reserved = (byte(0) >> 4) & 7;
  frame.opcode = byte(0) & 15;
  frame.masked = false;
  frame.payload = bytes.substr(head, length);
  bytes.remove_prefix(head + length);
  return true;
}

}  // namespace support
