#include "ws_edge/net/frame_meter.h"

#include <algorithm>

namespace edge {
namespace {

// RFC 6455 section 5.2.
constexpr uint8_t kFinBit = 0x80;
constexpr uint8_t kControlBit = 0x08;  // of the opcode
constexpr uint8_t kMaskBit = 0x80;
constexpr size_t kMaskBytes = 4;
constexpr uint8_t kLengthOfTwoBytes = 126;
constexpr uint8_t kLengthOfEightBytes = 127;

size_t LengthBytes(uint8_t second) {
  const uint8_t length = second & ~kMaskBit;
  return length == kLengthOfTwoBytes ? 2 : length == kLengthOfEightBytes ? 8 : 0;
}

size_t HeaderBytes(const uint8_t* header, size_t known) {
  if (known < 2) return 2;
  return 2 + LengthBytes(header[1]) + ((header[1] & kMaskBit) != 0 ? kMaskBytes : 0);
}

}  // namespace

void FrameMeter::Add(const void* bytes, size_t size, Passed* passed) {
  const auto* next = static_cast<const uint8_t*>(bytes);
  const uint8_t* const end = next + size;
  while (next < end) {
    if (payload_left_ > 0) {
      const uint64_t skipped = std::min<uint64_t>(payload_left_, static_cast<size_t>(end - next));
      next += skipped;
      payload_left_ -= skipped;
      if (payload_left_ == 0) EndFrame(passed);
      continue;
    }
    header_[header_size_++] = *next++;
    if (header_size_ == HeaderBytes(header_, header_size_)) EndHeader(passed);
  }
}

void FrameMeter::EndHeader(Passed* passed) {
  const size_t length_bytes = LengthBytes(header_[1]);
  header_size_ = 0;
  payload_left_ = length_bytes == 0 ? header_[1] & ~kMaskBit : 0;
  for (size_t i = 0; i < length_bytes; ++i) payload_left_ = payload_left_ << 8 | header_[2 + i];
  if (payload_left_ == 0) EndFrame(passed);
}

void FrameMeter::EndFrame(Passed* passed) {
  ++passed->frames;
  if ((header_[0] & kControlBit) != 0) {
    ++passed->controls;
    return;
  }
  fragments_due_ = (header_[0] & kFinBit) == 0;
  if (!fragments_due_) ++passed->messages;
}

}  // namespace edge
