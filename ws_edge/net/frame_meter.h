// Follows the frames of a client through the bytes that come, and looks at their headers only.
//
// Beast reads frames, but tells neither that one has begun nor how many were empty: what a client
// costs, and whether it owes the rest of a message, is known here. Broken frames are Beast's
// business: it ends the connection for them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edge {

class FrameMeter {
 public:
  // Counts what ended within some bytes.
  struct Passed {
    uint32_t frames = 0;    // of all kinds
    uint32_t controls = 0;  // pings, pongs and close frames among them
    uint32_t messages = 0;  // text and binary
  };

  // Takes the bytes that came next, and adds to `passed`.
  void Add(const void* bytes, size_t size, Passed* passed);

  // A frame has begun and is not complete, or a message lacks fragments.
  bool incomplete() const { return header_size_ > 0 || payload_left_ > 0 || fragments_due_; }

 private:
  static constexpr size_t kHeaderBytesMax = 14;

  void EndHeader(Passed* passed);
  void EndFrame(Passed* passed);

  uint64_t payload_left_ = 0;
  uint8_t header_[kHeaderBytesMax];
  uint8_t header_size_ = 0;  // bytes of it that have come; 0 once it is complete
  bool fragments_due_ = false;
};

}  // namespace edge
