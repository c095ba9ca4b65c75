// Memory for WebSocket messages that are longer than a session's own small buffer.
//
// One pool for all sessions, owned by the edge server; loop thread only. Blocks are mapped, not
// taken from the heap: ten thousand long messages that arrive at one time would leave it full of
// holes, which the heap keeps. A few free blocks stay warm (kWarmBytesMax); the memory of the
// others goes back to the kernel at once, and only their addresses are kept.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace edge {

class MessageBuffers {
 public:
  static constexpr size_t kBlockBytesMin = 8 << 10;
  // Free memory that is kept mapped: enough that a few long messages at a time map nothing anew.
  static constexpr size_t kWarmBytesMax = 1 << 20;

  MessageBuffers() = default;
  ~MessageBuffers();
  MessageBuffers(const MessageBuffers&) = delete;
  MessageBuffers& operator=(const MessageBuffers&) = delete;

  // Gives a block. `bytes` is kBlockBytesMin times a power of two.
  char* Take(size_t bytes);
  void GiveBack(char* block, size_t bytes);

  size_t warm_bytes() const { return warm_bytes_; }

 private:
  struct FreeBlocks {
    std::vector<char*> warm;
    std::vector<char*> cold;  // without memory until they are written to
  };
  FreeBlocks& FreeOf(size_t bytes);

  std::array<FreeBlocks, 32> free_;  // by size
  size_t warm_bytes_ = 0;
};

// One message while it is gathered. Its session calls Release when the message is over.
class MessageBuffer {
 public:
  bool in_use() const { return block_ != nullptr; }
  size_t size() const { return size_; }
  std::string_view text() const { return {block_, size_}; }

  // Begins a message.
  void Begin(MessageBuffers& buffers, std::string_view first_bytes);
  // Returns where the next bytes may be written, at least one. A full block is doubled first.
  char* Room(MessageBuffers& buffers, size_t* room);
  // Counts bytes that were written to Room.
  void Add(size_t bytes) { size_ += bytes; }
  void Release(MessageBuffers& buffers);

 private:
  char* block_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace edge
