#include "ws_edge/protocol/command.h"

#include <absl/strings/escaping.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "channel_service/base/json_names.h"
#include "channel_service/model/contract_limits.h"
#include "channel_service/model/epoch.h"
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

// Returns at most 64 bytes of a client's text, cut between two characters.
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
  if (group_id->empty() || group_id->size() > channel::kGroupIdBytesMax) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("group_id has {} bytes; allowed are 1 to {}", group_id->size(),
                              channel::kGroupIdBytesMax));
  }
  return true;
}

bool ReadMessage(std::string_view frame, const json::object& object, Command* command,
                 CommandError* error) {
  const json::value* value = object.if_contains("message");
  if (value == nullptr) {
    return Refuse(error, ErrorCode::kBadRequest, "message is missing; it may be any JSON value");
  }
  if (value->is_string()) {
    command->message = View(value->get_string());
    return true;
  }
  command->message_kind = channel::BodyKind::kJson;
  command->message = CompactJson(FindMember(frame, "message"));
  return true;
}

// Decodes "data":"<base64>". Returns false for text that RFC 4648 section 4 would write otherwise,
// so that the same bytes always have the same text.
bool DecodeBase64(std::string_view text, std::string* bytes) {
  const absl::string_view view(text.data(), text.size());
  return absl::Base64Unescape(view, bytes) && absl::Base64Escape(*bytes) == view;
}

// Reads the body of a send: a message, or bytes as data.
bool ReadBody(std::string_view frame, const json::object& object, Command* command,
              CommandError* error) {
  const json::value* value = object.if_contains("data");
  if (value == nullptr || value->is_null()) return ReadMessage(frame, object, command, error);
  if (object.contains("message")) {
    return Refuse(error, ErrorCode::kBadRequest,
                  "message and data exclude each other; data is for bytes, message for the rest");
  }
  if (!value->is_string() || !DecodeBase64(View(value->get_string()), &command->message)) {
    return Refuse(error, ErrorCode::kBadRequest,
                  "data must be a string of base64 with padding (RFC 4648, section 4)");
  }
  command->message_kind = channel::BodyKind::kData;
  return true;
}

bool ReadKind(Dialect dialect, const json::object& object, CommandKind* kind, CommandError* error) {
  const bool plain = dialect == Dialect::kPlain;
  const char* const allowed = plain
                                  ? "allowed: add_group, leave_group, send_to_group"
                                  : "allowed: add_group, leave_group, send_to_group, history, ping";
  const json::value* value = object.if_contains("cmd");
  if (value == nullptr) {
    return Refuse(error, ErrorCode::kBadRequest, fmt::format("cmd is missing; {}", allowed));
  }
  if (!value->is_string()) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("cmd is {}, not a string; {}", KindName(*value), allowed));
  }
  const std::string_view name = View(value->get_string());
  if (name == "add_group") {
    *kind = CommandKind::kAddGroup;
  } else if (name == "leave_group") {
    *kind = CommandKind::kLeaveGroup;
  } else if (name == "send_to_group") {
    *kind = CommandKind::kSendToGroup;
  } else if (name == "history" && !plain) {
    *kind = CommandKind::kHistory;
  } else if (name == "ping" && !plain) {
    *kind = CommandKind::kPing;
  } else {
    return Refuse(error, ErrorCode::kUnknownCommand,
                  fmt::format("cmd '{}' is unknown; {}", Shorten(name), allowed));
  }
  return true;
}

// Reads `id`: an integer, or a string of 1 to kCommandIdBytesMax bytes.
bool ReadId(const json::object& object, std::string* id, CommandError* error) {
  const json::value* value = object.if_contains("id");
  if (value == nullptr || value->is_null()) return true;
  const bool integer = value->is_int64() || value->is_uint64();
  const bool text = value->is_string() && !value->get_string().empty() &&
                    value->get_string().size() <= kCommandIdBytesMax;
  if (!integer && !text) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("id must be an integer of 64 bits or a string of 1 to {} bytes",
                              kCommandIdBytesMax));
  }
  *id = json::serialize(*value);
  return true;
}

bool ReadKey(const json::object& object, std::string* key, CommandError* error) {
  const json::value* value = object.if_contains("key");
  if (value == nullptr || value->is_null()) return true;
  if (!value->is_string() || value->get_string().empty() ||
      value->get_string().size() > channel::kKeyBytesMax) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("key must be a string of 1 to {} bytes", channel::kKeyBytesMax));
  }
  *key = View(value->get_string());
  return true;
}

// Reads `last`: an integer from 1 to kHistoryCountMax.
bool ReadLast(const json::object& object, uint32_t* last, CommandError* error) {
  const json::value* value = object.if_contains("last");
  if (value == nullptr || value->is_null()) return true;
  const int64_t wanted = value->is_int64() ? value->get_int64() : 0;
  if (wanted < 1 || wanted > channel::kHistoryCountMax) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("last must be an integer from 1 to {}", channel::kHistoryCountMax));
  }
  *last = static_cast<uint32_t>(wanted);
  return true;
}

// Reads `limit`. More than kHistoryCountMax is cut to that, because the answer says whether more is
// held.
bool ReadLimit(const json::object& object, uint32_t* limit, CommandError* error) {
  const json::value* value = object.if_contains("limit");
  if (value == nullptr || value->is_null()) return true;
  const int64_t wanted = value->is_int64() ? value->get_int64() : 0;
  if (wanted < 1) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("limit must be an integer of at least 1 (at most {} are given)",
                              channel::kHistoryCountMax));
  }
  *limit = static_cast<uint32_t>(std::min<int64_t>(wanted, channel::kHistoryCountMax));
  return true;
}

// Reads "since":{"epoch":"…","offset":41}, or "last":50, which may also stand inside of since.
bool ReadSince(const json::object& object, Command* command, CommandError* error) {
  if (!ReadLast(object, &command->last, error)) return false;
  const json::value* value = object.if_contains("since");
  if (value == nullptr || value->is_null()) return true;
  const json::object* since = value->if_object();
  if (since != nullptr && since->contains("last") && !since->contains("offset")) {
    return ReadLast(*since, &command->last, error);
  }
  const json::value* epoch = since == nullptr ? nullptr : since->if_contains("epoch");
  const json::value* offset = since == nullptr ? nullptr : since->if_contains("offset");
  const bool good = epoch != nullptr && epoch->is_string() &&
                    channel::IsEpoch(View(epoch->get_string())) && offset != nullptr &&
                    ((offset->is_int64() && offset->get_int64() >= 0) || offset->is_uint64());
  if (!good) {
    return Refuse(error, ErrorCode::kBadRequest,
                  fmt::format("since must be {{\"epoch\": a string of 1 to {} letters and digits, "
                              "\"offset\": an integer of at least 0}}",
                              channel::kEpochBytesMax));
  }
  if (command->last != 0) {
    return Refuse(error, ErrorCode::kBadRequest, "since and last exclude each other");
  }
  command->since = channel::StreamPosition{
      std::string(View(epoch->get_string())),
      offset->is_int64() ? static_cast<uint64_t>(offset->get_int64()) : offset->get_uint64()};
  return true;
}

bool ReadFields(Dialect dialect, std::string_view frame, const json::object& object,
                Command* command, CommandError* error) {
  const bool enveloped = dialect == Dialect::kEnveloped;
  if (enveloped && !ReadId(object, &command->id, error)) return false;
  if (!ReadKind(dialect, object, &command->kind, error)) return false;
  if (command->kind == CommandKind::kPing) return true;
  if (!ReadGroupId(object, &command->group_id, error)) return false;
  switch (command->kind) {
    case CommandKind::kAddGroup:
      return !enveloped || ReadSince(object, command, error);
    case CommandKind::kSendToGroup:
      if (!enveloped) return ReadMessage(frame, object, command, error);
      return ReadBody(frame, object, command, error) && ReadKey(object, &command->key, error);
    case CommandKind::kHistory:
      if (command->id.empty()) {
        return Refuse(error, ErrorCode::kBadRequest, "history needs an id, for its answer");
      }
      return ReadSince(object, command, error) && ReadLimit(object, &command->limit, error);
    case CommandKind::kLeaveGroup:
    case CommandKind::kPing:
      return true;
  }
  return true;
}

bool RefuseNameTwice(Dialect dialect, std::string_view frame, const json::object& object,
                     Command* command, CommandError* error) {
  const std::string name = FindNameTwice(frame).value_or("");
  CommandError ignored;
  if (dialect == Dialect::kEnveloped && name != "id") ReadId(object, &command->id, &ignored);
  return Refuse(error, ErrorCode::kBadRequest,
                fmt::format("the name '{}' stands twice in one object", Shorten(name)));
}

}  // namespace

bool ParseCommand(Dialect dialect, std::string_view frame, Command* command, CommandError* error) {
  std::array<unsigned char, kParseBufferBytes> buffer;
  json::monotonic_resource memory(buffer.data(), buffer.size());
  json::parse_options options;
  options.max_depth = channel::kJsonDepthMax;
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
  if (channel::HasNameTwice(value, frame)) {
    return RefuseNameTwice(dialect, frame, value.get_object(), command, error);
  }
  return ReadFields(dialect, frame, value.get_object(), command, error);
}

}  // namespace edge
