// Sizes of memory blocks on the heap, with the allocator's share, for tables that are bounded in
// bytes.
#pragma once

#include <algorithm>
#include <cstddef>

namespace channel {

// Bytes that glibc's malloc takes for a block of `bytes`: 8 of its own, in steps of 16, 32 at least
// (https://sourceware.org/glibc/wiki/MallocInternals).
constexpr size_t HeapBytes(size_t bytes) {
  constexpr size_t kStep = 16;
  return std::max(2 * kStep, (bytes + sizeof(size_t) + kStep - 1) / kStep * kStep);
}

}  // namespace channel
