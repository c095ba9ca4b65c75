// Commands: what a client's text frame asks for (PROTOCOL 2.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace edge {

enum class CommandKind : uint8_t { kAddGroup, kLeaveGroup, kSendToGroup };

// The codes of error frames.
enum class ErrorCode : uint8_t {
  kBadRequest,
  kUnknownCommand,
  kLimitExceeded,
  kUnavailable,
  kInternal,
};
const char* ToString(ErrorCode code);

struct Command {
  CommandKind kind = CommandKind::kAddGroup;
  std::string group_id;
  std::string message;  // kSendToGroup: the text, or compact JSON for what is not a string
};

struct CommandError {
  ErrorCode code = ErrorCode::kBadRequest;
  std::string message;  // what was wrong, where, and what is allowed
};

// Parses one frame, which is valid UTF-8 and not too long. Fills the command and returns true, or
// fills the error.
bool ParseCommand(std::string_view frame, Command* command, CommandError* error);

}  // namespace edge
