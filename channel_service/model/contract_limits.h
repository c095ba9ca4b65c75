// Bounds that both ends of the service's streams keep.
#pragma once

#include <cstddef>

namespace channel {

// The largest block of records in one message, to or from the service: a larger one gains nothing
// and delays the other streams (tests/bench/README.md measures it, "hub").
inline constexpr size_t kBlockBytesMax = 64 << 10;
// Answers remembered for one publisher; an edge has at most as many publications unanswered.
inline constexpr size_t kPublisherAnswersMax = 16384;

}  // namespace channel
