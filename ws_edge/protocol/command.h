// Commands: a client's text frame asks for one (proto/websocket.md, section 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "channel_service/model/publication.h"
#include "ws_edge/protocol/dialect.h"
#include "ws_edge/protocol/error_code.h"

namespace edge {

// History and ping are of the enveloped dialect only.
enum class CommandKind : uint8_t { kAddGroup, kLeaveGroup, kSendToGroup, kHistory, kPing };

struct Command {
  CommandKind kind = CommandKind::kAddGroup;
  std::string group_id = {};
  // kSendToGroup: the text, compact JSON for what is not a string, or the bytes of `data`
  std::string message = {};
  channel::BodyKind message_kind = channel::BodyKind::kText;

  // Enveloped dialect only.
  std::string id = {};   // as JSON text, to be echoed; empty: no answer is wanted
  std::string key = {};  // kSendToGroup: idempotency key, empty: none
  // kAddGroup, kHistory: everything after this position, or the newest `last` publications.
  std::optional<channel::StreamPosition> since = {};
  uint32_t last = 0;
  uint32_t limit = 0;  // kHistory: at most so many, from the oldest

  // Memory that the command takes while it waits.
  size_t bytes() const {
    return sizeof(*this) + message.size() + key.size() + group_id.size() + id.size();
  }
};

struct CommandError {
  ErrorCode code = ErrorCode::kBadRequest;
  std::string message;  // what was wrong, where, and what is allowed
};

// Parses one frame, which is valid UTF-8 and not too long. Fills the command and returns true, or
// fills the error (and `command->id`, if it could be read).
bool ParseCommand(Dialect dialect, std::string_view frame, Command* command, CommandError* error);

}  // namespace edge
