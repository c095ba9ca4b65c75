// The codes of error frames.
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
// The client may send the same command again.
bool IsRetryable(ErrorCode code);

}  // namespace edge
