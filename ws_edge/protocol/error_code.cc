#include "ws_edge/protocol/error_code.h"

namespace edge {

const char* ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest:
      return "bad_request";
    case ErrorCode::kUnknownCommand:
      return "unknown_command";
    case ErrorCode::kLimitExceeded:
      return "limit_exceeded";
    case ErrorCode::kTooLarge:
      return "too_large";
    case ErrorCode::kNotJoined:
      return "not_joined";
    case ErrorCode::kKeyConflict:
      return "key_conflict";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

bool IsRetryable(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kInternal;
}

}  // namespace edge
