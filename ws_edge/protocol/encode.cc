#include "ws_edge/protocol/encode.h"

#include <absl/strings/escaping.h>
#include <spdlog/fmt/fmt.h>

#include <boost/json.hpp>
#include <iterator>

#include "channel_service/model/contract_limits.h"

namespace edge {
namespace {

namespace json = boost::json;

std::string Quoted(std::string_view text) {
  return json::serialize(json::string_view(text.data(), text.size()));
}

// Begins {"event":"NAME" with the id, if one is given; members follow.
std::string Begin(std::string_view event, std::string_view id = {}) {
  std::string text = fmt::format(R"({{"event":"{}")", event);
  if (!id.empty()) text.append(R"(,"id":)").append(id);
  return text;
}

template <typename... Arguments>
void Append(std::string* text, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(*text), format, std::forward<Arguments>(arguments)...);
}

FramePtr End(std::string text) {
  text.push_back('}');
  return Frame::Encode(Opcode::kText, text);
}

std::string BeginAnswer(const GroupAnswer& answer) {
  std::string text = Begin("ok", answer.id);
  Append(&text, R"(,"group_id":{},"epoch":"{}","offset":{})", Quoted(answer.group_id), answer.epoch,
         answer.offset);
  return text;
}

const char* ToString(GapReason reason) {
  switch (reason) {
    case GapReason::kRetention:
      return "retention";
    case GapReason::kEpoch:
      return "epoch";
    case GapReason::kPosition:
      return "position";
  }
  return "?";
}

}  // namespace

FramePtr EncodePlain(const channel::v1::Publication& publication) {
  if (publication.has_data()) return Frame::Encode(Opcode::kBinary, publication.data());
  return Frame::Encode(Opcode::kText, publication.message());
}

FramePtr EncodePlainError(ErrorCode code, std::string_view message) {
  std::string text = Begin("error");
  Append(&text, R"(,"code":"{}","message":{})", ToString(code), Quoted(message));
  return End(std::move(text));
}

FramePtr EncodeMessage(const channel::v1::Publication& publication, std::string_view epoch) {
  std::string text = Begin("message");
  Append(&text, R"(,"group_id":{},"epoch":"{}","offset":{},"previous_offset":{},"time_unix_ms":{})",
         Quoted(publication.group_id()), epoch, publication.offset(), publication.previous_offset(),
         publication.time_unix_ms());
  if (!publication.key().empty()) Append(&text, R"(,"key":{})", Quoted(publication.key()));
  if (publication.has_data()) {
    const std::string base64 = absl::Base64Escape(publication.data());
    Append(&text, R"(,"data":"{}")", base64);
  } else if (publication.json()) {
    text.append(R"(,"message":)").append(publication.message());
  } else {
    text.append(R"(,"message":)").append(Quoted(publication.message()));
  }
  return End(std::move(text));
}

FramePtr EncodeGap(const GapEvent& gap) {
  std::string text = Begin("gap");
  Append(&text, R"(,"group_id":{},"epoch":"{}","after":{},"before":{},"reason":"{}")",
         Quoted(gap.group_id), gap.epoch, gap.after, gap.before, ToString(gap.reason));
  return End(std::move(text));
}

FramePtr EncodeJoined(const GroupAnswer& answer, bool recovered) {
  std::string text = BeginAnswer(answer);
  Append(&text, R"(,"recovered":{})", recovered);
  return End(std::move(text));
}

FramePtr EncodeSent(const GroupAnswer& answer, bool duplicate) {
  std::string text = BeginAnswer(answer);
  if (duplicate) text.append(R"(,"duplicate":true)");
  return End(std::move(text));
}

FramePtr EncodeLeft(std::string_view id, std::string_view group_id) {
  std::string text = Begin("ok", id);
  Append(&text, R"(,"group_id":{})", Quoted(group_id));
  return End(std::move(text));
}

FramePtr EncodeHistory(const GroupAnswer& answer, bool recovered,
                       const std::vector<std::string_view>& messages, bool more) {
  std::string text = BeginAnswer(answer);
  Append(&text, R"(,"recovered":{},"publications":[)", recovered);
  for (size_t i = 0; i < messages.size(); ++i) {
    if (i > 0) text.push_back(',');
    text.append(messages[i]);
  }
  Append(&text, R"(],"more":{})", more);
  return End(std::move(text));
}

FramePtr EncodePong(std::string_view id) { return End(Begin("pong", id)); }

FramePtr EncodeError(std::string_view id, std::string_view group_id, ErrorCode code,
                     std::string_view message) {
  std::string text = Begin("error", id);
  if (!group_id.empty()) Append(&text, R"(,"group_id":{})", Quoted(group_id));
  Append(&text, R"(,"code":"{}","message":{},"retryable":{})", ToString(code), Quoted(message),
         IsRetryable(code));
  if (IsRetryable(code)) Append(&text, R"(,"retry_ms":{})", kRetryAfter.count());
  return End(std::move(text));
}

FramePtr EncodeWelcome(std::string_view connection_id, uint64_t session_id,
                       std::string_view server_name, std::string_view acknowledged_in,
                       const EdgeLimits& limits) {
  std::string text = Begin("welcome");
  Append(&text, R"(,"connection_id":{},"session":"{}","server":{},"ping_interval_ms":{})",
         Quoted(connection_id), session_id, Quoted(server_name), limits.ping_interval.count());
  if (!acknowledged_in.empty()) Append(&text, R"(,"acknowledged_in":{})", Quoted(acknowledged_in));
  Append(&text, R"(,"reconnect_ms":[{},{}],"limits":{{"message_bytes":{},"groups":{})",
         kReconnectMin.count(), kReconnectMax.count(), limits.message_bytes_max,
         limits.groups_per_connection_max);
  Append(&text, R"(,"group_id_bytes":{},"key_bytes":{},"id_bytes":{},"history":{}}})",
         channel::kGroupIdBytesMax, channel::kKeyBytesMax, kCommandIdBytesMax,
         channel::kHistoryCountMax);
  return End(std::move(text));
}

FramePtr EncodeService(bool available) {
  std::string text = Begin("service");
  Append(&text, R"(,"available":{})", available);
  return End(std::move(text));
}

FramePtr EncodeBye(uint16_t close_code, std::chrono::milliseconds reconnect_min,
                   std::chrono::milliseconds reconnect_max) {
  std::string text = Begin("bye");
  Append(&text, R"(,"code":{},"reconnect_ms":[{},{}])", close_code, reconnect_min.count(),
         reconnect_max.count());
  return End(std::move(text));
}

}  // namespace edge
