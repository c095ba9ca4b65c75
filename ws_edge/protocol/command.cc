#include "ws_edge/protocol/command.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "ws_edge/limits.h"
#include "ws_edge/protocol/json_text.h"

namespace edge {
namespace {

namespace json = boost::json;

// Parsing most commands needs no memory beyond this.
constexpr size_t kParseBufferBytes = 2048;

bool Refuse(CommandError* error, ErrorCode code, std::string message) {
  *error = {code, std::move(message)};
  return false;
}

std::string_view KindName(const json::value& value) {
  const json::string_view name = json::to_string(value.kind());
  return {name.data(), name.size()};
}

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

// At most 64 bytes of a client's text, cut between two characters.
std::string_view Shorten(std::string_view text) {
  size_t end = std::min<size_t>(text.size(), 64);
  while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

bool ReadGroupId(const json::object& object, std::string* group_id, CommandError* error) {
  const json::value* value = object.if_contains("group_id");
  if (value == nullptr) {
    return Refuse(error, ErrorCode::kBadRequest,
                  "group_id is missing; it is a string of 1 to 255 bytes or an integer");
  }
  if (value->is_int64()) {
    *group_id = std::to_string(value->get_int64());
  } else if (value->is_uint64()) {
    *group_id = std::to_string(value->get_uint64());
  } else if (value->is_string()) {
    *group_id = View(value->get_string());
  } else if (value->is_double()) {
    return Refuse(error, ErrorCode::kBadRequest,
                  "group_id is a number that is not an integer of 64 bits; write it as a string");
  } else {
    return Refuse(
        error, ErrorCode::kBadRequest,
        fmt::format("group_id is {}; it must be a string or an integer", KindName(*value)));
  }
  if (group_id->empty() || group_id->size() > kGroupIdBytesMax) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("group_id has {} bytes; allowed are 1 to {}", group_id->size(),
                              kGroupIdBytesMax));
  }
  return true;
}

bool ReadMessage(std::string_view frame, const json::object& object, std::string* message,
                 CommandError* error) {
  const json::value* value = object.if_contains("message");
  if (value == nullptr) {
    return Refuse(error, ErrorCode::kBadRequest, "message is missing; it may be any JSON value");
  }
  if (value->is_string()) {
    *message = View(value->get_string());
  } else if (const std::string_view text = FindMember(frame, "message"); !text.empty()) {
    *message = CompactJson(text);
  } else {
    *message = json::serialize(*value);  // the member's name was written with escapes
  }
  return true;
}

bool ReadKind(const json::object& object, CommandKind* kind, CommandError* error) {
  constexpr const char* kAllowed = "allowed: add_group, leave_group, send_to_group";
  const json::value* value = object.if_contains("cmd");
  if (value == nullptr) {
    return Refuse(error, ErrorCode::kBadRequest, fmt::format("cmd is missing; {}", kAllowed));
  }
  if (!value->is_string()) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("cmd is {}, not a string; {}", KindName(*value), kAllowed));
  }
  const std::string_view name = View(value->get_string());
  if (name == "add_group") {
    *kind = CommandKind::kAddGroup;
  } else if (name == "leave_group") {
    *kind = CommandKind::kLeaveGroup;
  } else if (name == "send_to_group") {
    *kind = CommandKind::kSendToGroup;
  } else {
    return Refuse(error, ErrorCode::kUnknownCommand,
                  fmt::format("cmd '{}' is unknown; {}", Shorten(name), kAllowed));
  }
  return true;
}

}  // namespace

const char* ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest:
      return "bad_request";
    case ErrorCode::kUnknownCommand:
      return "unknown_command";
    case ErrorCode::kLimitExceeded:
      return "limit_exceeded";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

bool ParseCommand(std::string_view frame, Command* command, CommandError* error) {
  std::array<unsigned char, kParseBufferBytes> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  json::parse_options options;
  options.max_depth = kJsonDepthMax;
  json::stream_parser parser(&memory, options);
  boost::system::error_code failure;
  const size_t used = parser.write_some(frame.data(), frame.size(), failure);
  if (!failure && used == frame.size()) parser.finish(failure);
  if (failure || used != frame.size()) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("not valid JSON at byte {}: {}", used,
                              failure ? failure.message() : "something follows the object"));
  }
  const json::value value = parser.release();
  if (!value.is_object()) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("the frame holds {}; it must hold a JSON object", KindName(value)));
  }
  const json::object& object = value.get_object();
  if (!ReadKind(object, &command->kind, error) || !ReadGroupId(object, &command->group_id, error)) {
    return false;
  }
  return command->kind != CommandKind::kSendToGroup ||
         ReadMessage(frame, object, &command->message, error);
}

}  // namespace edge
