// Bounds that both ends of the service's streams keep.
#pragma once

#include <cstddef>

namespace channel {

// One block of records, from or to the service: larger ones gain nothing and delay the others
// (tests/bench/README.md, "hub").
inline constexpr size_t kBlockBytesMax = 64 << 10;
// Answers that are remembered for one publisher; an edge keeps at most this many unanswered.
inline constexpr size_t kPublisherAnswersMax = 16384;

}  // namespace channel
