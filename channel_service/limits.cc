#include "channel_service/limits.h"

#include <spdlog/fmt/fmt.h>

namespace channel {

absl::Status ServiceLimits::Check() const {
  // A publication, with what surrounds it, must fit a gRPC message and a group's history.
  constexpr size_t kMessageCeiling = kGrpcMessageBytesMax / 4;
  constexpr size_t kDedupBytesFloor = 64 << 10;  // some hundred keys: a typo, not a choice
  if (message_bytes_max < 1 || message_bytes_max > kMessageCeiling) {
    return absl::InvalidArgumentError(
        fmt::format("--message_bytes_max must be 1 to {}", kMessageCeiling));
  }
  if (history_publications_max < 1) {
    return absl::InvalidArgumentError("--history_publications_max must be at least 1");
  }
  if (history_bytes_max < message_bytes_max) {
    return absl::InvalidArgumentError(
        "--history_bytes_max must be at least --message_bytes_max: a group must hold one message");
  }
  if (history_total_bytes_max < history_bytes_max) {
    return absl::InvalidArgumentError(
        "--history_total_bytes_max must be at least --history_bytes_max");
  }
  if (subscriber_queue_bytes_max < 2 * message_bytes_max + kBlockBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("--subscriber_queue_bytes_max must be at least {}: two messages and a block",
                    2 * message_bytes_max + kBlockBytesMax));
  }
  if (subscriber_queue_bytes_max < 2 * history_bytes_max) {
    // Or what a group missed could never be given, however often the client came back.
    return absl::InvalidArgumentError(
        "--subscriber_queue_bytes_max must be at least twice --history_bytes_max");
  }
  if (history_age_max.count() <= 0 || dedup_window.count() <= 0) {
    return absl::InvalidArgumentError("--history_age_max and --dedup_window must be positive");
  }
  if (dedup_bytes_max < kDedupBytesFloor) {
    return absl::InvalidArgumentError(
        fmt::format("--dedup_bytes_max must be at least {}", kDedupBytesFloor));
  }
  return absl::OkStatus();
}

}  // namespace channel
