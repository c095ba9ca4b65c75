// One WebSocket frame as it goes over the wire: encoded once, immutable, shared by all members'
// queues.
//
// Server frames are unmasked (RFC 6455 section 5.1), so they are the same bytes for every client.
// The reference count is not atomic: frames live on the edge's loop thread only.
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <cstdint>
#include <string_view>

namespace edge {

enum class Opcode : uint8_t { kText = 0x1, kBinary = 0x2, kPing = 0x9 };

class Frame;
using FramePtr = boost::intrusive_ptr<const Frame>;

class Frame {
 public:
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  // A final frame with header and payload.
  static FramePtr Encode(Opcode opcode, std::string_view payload);

  // Bytes that are frames already, written by Beast.
  static FramePtr Copy(std::string_view bytes);

  std::string_view bytes() const { return {data(), size_}; }
  size_t size() const { return size_; }
  // The payload of a frame that Encode made.
  std::string_view payload() const;

 private:
  explicit Frame(size_t size) : size_(static_cast<uint32_t>(size)) {}
  static Frame* Allocate(size_t size);
  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }

  friend void intrusive_ptr_add_ref(const Frame* frame) { ++frame->references_; }
  friend void intrusive_ptr_release(const Frame* frame);

  mutable uint32_t references_ = 0;
  const uint32_t size_;
};

}  // namespace edge
