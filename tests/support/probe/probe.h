// Does a running deployment deliver? One real publication, received by clients on different edges.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace channel::probe {

struct Options {
  std::string ws;    // HOST:PORT of the edges
  std::string grpc;  // HOST:PORT of the channel service
  size_t clients = 2;
  std::chrono::milliseconds timeout{10'000};  // of all steps together
};

struct Report {
  std::string edges;        // "edge-1, edge-2"
  std::string note;         // empty, or that there are fewer edges than clients
  std::string position;     // "3f9k:17"
  double milliseconds = 0;  // from the connection to the service to the last client
};

// The status with the step that failed before its message.
absl::Status At(std::string_view step, const absl::Status& status);

// Blocks. An error says which step failed.
absl::StatusOr<Report> Probe(const Options& options);

}  // namespace channel::probe
