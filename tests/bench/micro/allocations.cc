#include "tests/bench/micro/allocations.h"

#include <cstdlib>
#include <new>

namespace {

uint64_t allocation_count = 0;

void* Allocate(size_t bytes, size_t alignment) {
  ++allocation_count;
  void* const memory =
      alignment == 0
          ? std::malloc(bytes)
          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

namespace channel::bench {

uint64_t AllocationCount() { return allocation_count; }

}  // namespace channel::bench

// The other forms of the standard library call these.
void* operator new(size_t bytes) { return Allocate(bytes, 0); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
