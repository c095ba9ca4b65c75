#include "tests/fuzz/fuzz_input.h"

#include <cstdio>
#include <cstdlib>

namespace fuzz {

void Fail(std::string_view what) {
  std::fprintf(stderr, "FAILED: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace fuzz
