// Bounds that both programs keep.
#pragma once

#include <cstddef>
#include <cstdint>

namespace channel {

// Fixed by the contract (proto/channel/v1/channel.proto; proto/websocket.md, section 11).
inline constexpr size_t kGroupIdBytesMax = 255;
inline constexpr size_t kKeyBytesMax = 128;
inline constexpr size_t kJsonDepthMax = 32;
// Publications in one answer to a history, or asked for by `last`.
inline constexpr uint32_t kHistoryCountDefault = 100;
inline constexpr uint32_t kHistoryCountMax = 1000;

// The largest block of records in one message, to or from the service: a larger one gains nothing
// and delays the other streams (tests/bench/README.md measures it, "hub").
inline constexpr size_t kBlockBytesMax = 64 << 10;
// Answers remembered for one publisher; an edge has at most as many publications unanswered.
inline constexpr size_t kPublisherAnswersMax = 16384;

}  // namespace channel
