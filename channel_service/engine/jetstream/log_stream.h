// The JetStream stream that is the log: its configuration, and how it is made or checked. Its
// subjects are in subject.h.
#pragma once

#include <nats/nats.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace channel {

struct StreamConfig {
  std::string name = "CHANNEL";  // letters, digits, - and _; at most 32
  int64_t replicas = 1;          // 1, 3 or 5 servers
  int64_t publications_per_group_max = 256;
  int64_t bytes_max = int64_t{4} << 30;  // the oldest of any group are dropped beyond it
  std::chrono::seconds age_max = std::chrono::hours(24);
  std::chrono::milliseconds dedup_window = std::chrono::minutes(2);

  // INVALID_ARGUMENT names the flag, and what it must be.
  absl::Status Check() const;
};

// The stream that was opened. If it was there before, its limits may be others than were asked for.
struct LogStream {
  std::string epoch;
  int64_t publications_per_group_max = 0;
  std::chrono::milliseconds dedup_window = {};
};

// Looks the stream up, or makes it. Waits at most `patience` for a cluster that has no leader yet.
// UNAVAILABLE: JetStream does not answer, or is not there (the message says how to start it).
// FAILED_PRECONDITION: a stream of this name is there and cannot be used (other subjects, no
// republication, not on disk); it is left alone. Other settings that differ are logged as a warning
// and hold as they are. It waits, so it is for the start of the process only.
absl::StatusOr<LogStream> OpenLogStream(natsConnection* connection, const StreamConfig& config,
                                        std::chrono::milliseconds patience);

// The epoch that a stream's description names; nothing if it names none.
std::optional<std::string> EpochIn(std::string_view description);

}  // namespace channel
