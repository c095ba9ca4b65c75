// Logging: spdlog to stderr, one line for each event:
//   2026-11-23T01:40:00.123Z info edge-1 listening on 127.0.0.1:1234
// Whatever a line has of a peer's text, it stays one line, and commands no terminal (Printable).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace channel {

// A longer line is cut.
inline constexpr size_t kLogLineBytesMax = 4096;

// Sets up the process's log. `name` (the process's --name) stands in each line. `level` is one of
// trace, debug, info, warn, error; INVALID_ARGUMENT otherwise. Call once, before any other thread.
absl::Status InitLog(std::string_view name, std::string_view level);

// Sets the level from the first word of a file; used on SIGHUP. NOT_FOUND if the file cannot be
// read, INVALID_ARGUMENT if its word is not a level; the level then stays.
absl::Status ReloadLogLevel(const std::string& path);

}  // namespace channel
