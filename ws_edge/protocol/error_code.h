// The codes of error frames (proto/websocket.md, section 6).
#pragma once

#include <cstdint>

namespace edge {

enum class ErrorCode : uint8_t {
  kBadRequest,
  kUnknownCommand,
  kLimitExceeded,
  kTooLarge,
  kNotJoined,
  kKeyConflict,
  kUnavailable,
  kInternal,
};
const char* ToString(ErrorCode code);
// Returns whether the client may send the same command again.
bool IsRetryable(ErrorCode code);

}  // namespace edge
