// The JetStream stream that is the log: its subjects, its settings, how it is made or checked.
//
// A group has one subject of the stream, STREAM.log.g.TOKEN; what is stored is published again by
// the server, with its sequence, on STREAM.live.g.TOKEN. Nodes prove that the log works on subjects
// of their own, STREAM.log.probe.NODE.
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

// A stream as it is; a stream that was there before may have other limits than were asked for.
struct LogStream {
  std::string epoch;
  int64_t publications_per_group_max = 0;
};

// Looks the stream up, or makes it. Waits at most `patience` for a cluster that has no leader yet.
// UNAVAILABLE: JetStream does not answer, or is not there (how to start it is said).
// FAILED_PRECONDITION: a stream of this name is there and cannot be used (other subjects, no
// republication, not on disk); it is left alone. Other settings that differ are logged as a warning
// and hold as they are. Waits: only while the process starts.
absl::StatusOr<LogStream> OpenLogStream(natsConnection* connection, const StreamConfig& settings,
                                        std::chrono::milliseconds patience);

// A stream's description names its epoch; nothing if it does not.
std::optional<std::string> EpochIn(std::string_view description);

}  // namespace channel
