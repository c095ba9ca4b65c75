// ParseCommand in both dialects: what it takes is within the limits and can be told to others as
// JSON; what it refuses is refused in words. The first byte chooses the dialect.
#include <absl/strings/escaping.h>

#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "channel/v1/channel.pb.h"
#include "channel_service/model/contract_limits.h"
#include "channel_service/model/epoch.h"
#include "tests/fuzz/fuzz_input.h"
#include "ws_edge/limits.h"
#include "ws_edge/protocol/command.h"
#include "ws_edge/protocol/encode.h"

namespace {

namespace json = boost::json;
using edge::Command;
using edge::CommandKind;
using edge::Dialect;
using fuzz::Fail;

// A byte becomes at most \u00xx.
constexpr size_t kIdAsJsonBytesMax = 6 * edge::kCommandIdBytesMax + 2;
constexpr size_t kErrorBytesMax = 400;

json::value Parse(std::string_view text, const char* what) {
  json::error_code error;
  json::parse_options options;
  options.max_depth = channel::kJsonDepthMax + 1;  // with the frame around it
  json::value value =
      json::parse(json::string_view(text.data(), text.size()), error, json::storage_ptr(), options);
  if (error) Fail(std::string(what) + " is not JSON: " + std::string(text));
  return value;
}

// Boost.JSON refuses strings that are not UTF-8.
bool IsUtf8(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) quoted.push_back(c);
  }
  json::error_code error;
  json::parse(quoted + '"', error);
  return !error;
}

void CheckId(const std::string& id) {
  if (id.empty()) return;
  const json::value value = Parse(id, "the id");
  const bool good = value.is_int64() || value.is_uint64() ||
                    (value.is_string() && !value.get_string().empty() &&
                     value.get_string().size() <= edge::kCommandIdBytesMax);
  if (!good || id.size() > kIdAsJsonBytesMax) Fail("the id is none: " + id);
}

void CheckNoEnvelope(const Command& command) {
  const bool plain = command.id.empty() && command.key.empty() && !command.since &&
                     command.last == 0 && command.limit == 0 &&
                     command.message_kind != channel::BodyKind::kData &&
                     command.kind != CommandKind::kHistory && command.kind != CommandKind::kPing;
  if (!plain) Fail("the plain dialect has no such fields");
}

void CheckPositions(const Command& command) {
  if (command.last > channel::kHistoryCountMax || command.limit > channel::kHistoryCountMax) {
    Fail("more than the limit");
  }
  if (!command.since) return;
  if (command.last != 0) Fail("since and last");
  if (!channel::IsEpoch(command.since->epoch)) Fail("an epoch out of its limits");
}

// A member gets JSON again, with the same message.
void CheckMessage(const Command& command) {
  if (command.key.size() > channel::kKeyBytesMax) Fail("a key over the limit");
  const bool is_json = command.message_kind == channel::BodyKind::kJson;
  const bool is_data = command.message_kind == channel::BodyKind::kData;
  channel::v1::Publication publication;
  publication.set_group_id(command.group_id);
  if (is_data) {
    publication.set_data(command.message);
  } else {
    publication.set_message(command.message);
  }
  publication.set_json(is_json);
  publication.set_key(command.key);
  const json::value event =
      Parse(edge::EncodeMessage(publication, "epoch")->payload(), "the message event");
  const json::value& message = event.at(is_data ? "data" : "message");
  if (is_data) {
    std::string bytes;
    const json::string& text = message.as_string();
    if (!absl::Base64Unescape(absl::string_view(text.data(), text.size()), &bytes) ||
        bytes != command.message) {
      Fail("other bytes came out");
    }
  } else if (is_json ? message != Parse(command.message, "the message")
                     : message.as_string() != command.message) {
    Fail("another message came out: " + command.message);
  }
  if (event.at("group_id").as_string() != command.group_id) Fail("another group came out");
}

void CheckCommand(Dialect dialect, std::string_view frame, const Command& command) {
  CheckId(command.id);
  if (dialect == Dialect::kPlain) CheckNoEnvelope(command);
  if (command.kind == CommandKind::kPing) return;
  if (command.group_id.empty() || command.group_id.size() > channel::kGroupIdBytesMax) {
    Fail("a group id out of its limits");
  }
  CheckPositions(command);
  if (command.kind == CommandKind::kHistory && command.id.empty()) Fail("history without id");
  if (command.kind != CommandKind::kSendToGroup) return;
  if (command.message.size() > frame.size()) Fail("the message is longer than its frame");
  CheckMessage(command);
}

void CheckError(const Command& command, const edge::CommandError& error) {
  if (error.message.empty() || error.message.size() > kErrorBytesMax) Fail("bad words");
  if (!IsUtf8(error.message)) Fail("words that are not UTF-8");
  CheckId(command.id);
  Parse(edge::EncodePlainError(error.code, error.message)->payload(), "the plain error");
  Parse(edge::EncodeError(command.id, command.group_id, error.code, error.message)->payload(),
        "the error event");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::FuzzInput input({reinterpret_cast<const char*>(data), size});
  const Dialect dialect = input.Byte() % 2 == 0 ? Dialect::kPlain : Dialect::kEnveloped;
  const std::string_view frame = input.Rest();
  if (!IsUtf8(frame)) return -1;  // never comes so far
  Command command;
  edge::CommandError error;
  if (edge::ParseCommand(dialect, frame, &command, &error)) {
    CheckCommand(dialect, frame, command);
  } else {
    CheckError(command, error);
  }
  return 0;
}
