// The state machine of sessions, groups and links, against real parts: see simulation.h.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/simulation.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Longer inputs find nothing that shorter ones do not, and are slow.
  if (size > 4096) return -1;
  fuzz::RunSimulation({reinterpret_cast<const char*>(data), size});
  return 0;
}
