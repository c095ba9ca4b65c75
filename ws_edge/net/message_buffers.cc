#include "ws_edge/net/message_buffers.h"

#include <sys/mman.h>

#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "channel_service/base/check.h"

namespace edge {

MessageBuffers::~MessageBuffers() {
  size_t bytes = kBlockBytesMin;
  for (FreeBlocks& free : free_) {
    for (char* block : free.warm) ::munmap(block, bytes);
    for (char* block : free.cold) ::munmap(block, bytes);
    bytes *= 2;
  }
}

MessageBuffers::FreeBlocks& MessageBuffers::FreeOf(size_t bytes) {
  CHANNEL_CHECK(std::has_single_bit(bytes) && bytes >= kBlockBytesMin);
  return free_.at(static_cast<size_t>(std::countr_zero(bytes / kBlockBytesMin)));
}

char* MessageBuffers::Take(size_t bytes) {
  FreeBlocks& free = FreeOf(bytes);
  if (!free.warm.empty()) {
    char* const block = free.warm.back();
    free.warm.pop_back();
    warm_bytes_ -= bytes;
    return block;
  }
  if (!free.cold.empty()) {
    char* const block = free.cold.back();
    free.cold.pop_back();
    return block;
  }
  void* const mapped =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();  // as the heap reports it
  return static_cast<char*>(mapped);
}

void MessageBuffers::GiveBack(char* block, size_t bytes) {
  FreeBlocks& free = FreeOf(bytes);
  if (warm_bytes_ + bytes <= kWarmBytesMax) {
    warm_bytes_ += bytes;
    free.warm.push_back(block);
  } else {
    ::madvise(block, bytes, MADV_DONTNEED);
    free.cold.push_back(block);
  }
}

void MessageBuffer::Begin(MessageBuffers& buffers, std::string_view first_bytes) {
  CHANNEL_CHECK(!in_use() && first_bytes.size() <= MessageBuffers::kBlockBytesMin);
  capacity_ = MessageBuffers::kBlockBytesMin;
  block_ = buffers.Take(capacity_);
  size_ = first_bytes.size();
  std::memcpy(block_, first_bytes.data(), size_);
}

char* MessageBuffer::Room(MessageBuffers& buffers, size_t* room) {
  if (size_ == capacity_) {
    char* const larger = buffers.Take(2 * capacity_);
    std::memcpy(larger, block_, size_);
    buffers.GiveBack(std::exchange(block_, larger), capacity_);
    capacity_ *= 2;
  }
  *room = capacity_ - size_;
  return block_ + size_;
}

void MessageBuffer::Release(MessageBuffers& buffers) {
  buffers.GiveBack(std::exchange(block_, nullptr), std::exchange(capacity_, 0));
  size_ = 0;
}

}  // namespace edge
