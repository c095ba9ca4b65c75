#include "tests/bench/micro/allocations.h"

#include <cstdlib>
#include <new>

namespace {

uint64_t allocation_count = 0;

}  // namespace

namespace channel::bench {

uint64_t AllocationCount() { return allocation_count; }

}  // namespace channel::bench

// The other forms of the standard library call these; the code that is measured has no objects of
// greater alignment.
void* operator new(size_t bytes) {
  ++allocation_count;
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
