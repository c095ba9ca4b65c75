#include "ws_edge/limits.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace edge {

absl::Status EdgeLimits::CheckAndComplete(size_t descriptors) {
  if (message_bytes_max < 1 || message_bytes_max > session_queue_bytes_max) {
    return absl::InvalidArgumentError(
        "--message_bytes_max must be at least 1 and at most --session_queue_bytes_max");
  }
  if (publish_queue_bytes_max < 2 * message_bytes_max) {
    return absl::InvalidArgumentError(
        "--publish_queue_bytes_max must be at least twice --message_bytes_max");
  }
  if (groups_per_connection_max < 1) {
    return absl::InvalidArgumentError("--groups_per_connection_max must be at least 1");
  }
  if (upgrade_timeout.count() <= 0 || message_timeout.count() <= 0 ||
      publish_timeout.count() <= 0) {
    return absl::InvalidArgumentError(
        "--upgrade_timeout, --message_timeout and --publish_timeout must be positive");
  }
  if (ping_interval < std::chrono::milliseconds(250) || pong_timeout.count() <= 0 ||
      pong_timeout >= ping_interval) {
    return absl::InvalidArgumentError(
        "--ping_interval must be at least 250ms, and --pong_timeout positive and shorter");
  }
  if (pace.commands.burst < 1 || pace.bytes.burst < 1) {
    return absl::InvalidArgumentError("--commands_burst and --bytes_burst must be at least 1");
  }
  descriptors_max = descriptors;
  const size_t possible = std::max(descriptors, channel::kDescriptorsMin) - kReservedDescriptors;
  if (connections_max == 0) connections_max = possible;
  if (connections_max > possible) {
    return absl::InvalidArgumentError(fmt::format(
        "--connections_max={} needs more open files than this process may have; at most {}, or "
        "raise the limit (ulimit -n)",
        connections_max, possible));
  }
  return absl::OkStatus();
}

}  // namespace edge
