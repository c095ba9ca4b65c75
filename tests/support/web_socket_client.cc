#include "tests/support/web_socket_client.h"

#include <atomic>

#include "tests/support/event_fields.h"

namespace support {
namespace {

constexpr std::string_view kMarker = "#joined ";
// The accept key that belongs to the key of UpgradeRequestHead (RFC 6455, section 1.3).
constexpr const char* kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::string Excerpt(const std::string& text) { return text.substr(0, 300); }

}  // namespace

WebSocketClient::WebSocketClient(std::uint16_t port, const ConnectOptions& options)
    : answers_pings_(options.answers_pings), connection_(port, options.tcp, options.wait) {
  const std::string host =
      options.host.empty() ? options.tcp.host + ":" + std::to_string(port) : options.host;
  std::string request = options.before + UpgradeRequestHead(options.path, host);
  for (const auto& [name, value] : options.headers) request += name + ": " + value + "\r\n";
  if (!options.subprotocols.empty()) {
    request += "Sec-WebSocket-Protocol: " + options.subprotocols + "\r\n";
  }
  connection_.Send(request + "\r\n");
  const HttpResponse response = ReadHttpResponse(connection_, buffer_, options.wait);
  if (response.status != 101) {
    throw TestFailure("upgrade answered " + std::to_string(response.status) + " " + response.body);
  }
  if (response.Header("sec-websocket-accept") != kAccept) throw TestFailure("wrong accept key");
  edge_ = response.Header("x-channel-edge");
  subprotocol_ = response.Header("sec-websocket-protocol");
}

WebSocketClient WebSocketClient::OnEdge(std::uint16_t port, const std::string& edge_name,
                                        ConnectOptions options) {
  constexpr int kAttempts = 200;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    WebSocketClient client(port, options);
    if (client.edge() == edge_name) return client;
    client.SendClose(1000);
  }
  throw TestFailure("no connection came to " + edge_name);
}

void WebSocketClient::Join(std::string_view group) {
  SendText(R"({"cmd":"add_group","group_id":)" + Quoted(group) + "}");
}

void WebSocketClient::Leave(std::string_view group) {
  SendText(R"({"cmd":"leave_group","group_id":)" + Quoted(group) + "}");
}

void WebSocketClient::Publish(std::string_view group, std::string_view message) {
  SendText(R"({"cmd":"send_to_group","group_id":)" + Quoted(group) + R"(,"message":)" +
           Quoted(message) + "}");
}

void WebSocketClient::JoinAndWait(std::string_view group) {
  static std::atomic<int> count{0};
  const std::string marker = std::string(kMarker) + std::to_string(++count);
  Join(group);
  Publish(group, marker);
  while (true) {
    const std::optional<Frame> frame = ReadFrame();
    if (!frame) throw TestFailure("the join of " + std::string(group) + " did not come into force");
    if (frame->payload == marker) return;
    if (frame->payload.rfind(kMarker, 0) == 0) continue;
    throw TestFailure("while joining came: " + Excerpt(frame->payload));
  }
}

std::optional<Frame> WebSocketClient::ReadFrame(Duration wait) {
  const Deadline deadline = After(wait);
  Frame frame;
  while (true) {
    std::string_view rest = buffer_;
    const bool complete = TakeFrame(rest, frame);
    buffer_.erase(0, buffer_.size() - rest.size());
    if (complete) {
      if (!answers_pings_ || !frame.Is(Opcode::kPing)) return frame;
      frame.opcode = static_cast<std::uint8_t>(Opcode::kPong);
      frame.masked = true;
      SendFrame(frame);
      continue;
    }
    const std::optional<bool> received =
        connection_.TryReceive(buffer_, Duration(MillisecondsLeft(deadline)));
    if (!received) return std::nullopt;
    if (!*received) throw TestFailure("the edge closed the TCP connection");
  }
}

Frame WebSocketClient::ReadData(Duration wait) {
  const Deadline deadline = After(wait);
  while (true) {
    std::optional<Frame> frame = ReadFrame(Duration(MillisecondsLeft(deadline)));
    if (!frame) throw TestFailure("no message within " + std::to_string(wait.count()) + " ms");
    if (frame->Is(Opcode::kClose)) {
      throw TestFailure("closed: " + std::to_string(frame->CloseCode()) + " " +
                        frame->CloseReason());
    }
    if (!frame->fin || frame->reserved != 0) throw TestFailure("a fragment or reserved bits");
    if (!frame->Is(Opcode::kText) && !frame->Is(Opcode::kBinary)) {
      throw TestFailure("not a data frame: opcode " + std::to_string(frame->opcode));
    }
    if (frame->payload.rfind(kMarker, 0) != 0) return std::move(*frame);
  }
}

std::string WebSocketClient::ReadMessage(Duration wait) {
  Frame frame = ReadData(wait);
  if (!frame.Is(Opcode::kText)) throw TestFailure("a binary frame instead of text");
  return std::move(frame.payload);
}

boost::json::object WebSocketClient::ReadEvent(Duration wait) {
  const std::string text = ReadMessage(wait);
  boost::json::error_code error;
  boost::json::value value = boost::json::parse(text, error);
  if (error || !value.is_object() || TextOf(value.get_object(), "event").empty()) {
    throw TestFailure("not an event: " + Excerpt(text));
  }
  return std::move(value.as_object());
}

Frame WebSocketClient::ReadUntilClose(Duration wait) {
  const Deadline deadline = After(wait);
  while (true) {
    std::optional<Frame> frame = ReadFrame(Duration(MillisecondsLeft(deadline)));
    if (!frame) throw TestFailure("no close frame within " + std::to_string(wait.count()) + " ms");
    if (frame->Is(Opcode::kClose)) return std::move(*frame);
  }
}

bool WebSocketClient::AwaitEnd(Duration wait) {
  const Deadline deadline = After(wait);
  while (true) {
    std::string ignored;
    const std::optional<bool> received =
        connection_.TryReceive(ignored, Duration(MillisecondsLeft(deadline)));
    if (!received) return false;
    if (!*received) return true;
  }
}

void WebSocketClient::ExpectSilence(Duration wait) {
  SendText(R"({"cmd":"no_such_command"})");
  const std::string next = ReadMessage(wait);
  const std::string code = enveloped() ? ParseErrorEvent(next).code : ErrorCode(next);
  if (code != "unknown_command") {
    throw TestFailure("unexpected frame: " + Excerpt(next));
  }
}

void WebSocketClient::SendClose(int code, std::string_view reason) {
  Frame frame;
  frame.opcode = static_cast<std::uint8_t>(Opcode::kClose);
  frame.payload.push_back(static_cast<char>(code / 256));
  frame.payload.push_back(static_cast<char>(code % 256));
  frame.payload += reason;
  SendFrame(frame);
}

std::string UpgradeRequestHead(const std::string& path, const std::string& host) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host +
         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
}

std::string ErrorCode(std::string_view text) {
  boost::json::error_code error;
  const boost::json::value value =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return "";
  const boost::json::object& object = value.as_object();
  const bool known = object.size() == 3 && !TextOf(object, "message").empty();
  if (!known || TextOf(object, "event") != "error") return "";
  return std::string(TextOf(object, "code"));
}

ErrorEvent ParseErrorEvent(std::string_view text) {
  const TestFailure not_one("not an error event: " + std::string(text.substr(0, 300)));
  boost::json::error_code error;
  const boost::json::value value =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) throw not_one;
  const boost::json::object& object = value.as_object();
  ErrorEvent event;
  std::size_t known = 0;
  const auto take = [&](const char* name) {
    const boost::json::value* member = object.if_contains(name);
    if (member != nullptr) ++known;
    return member;
  };
  const auto text_of = [&](const char* name) {
    const boost::json::value* member = take(name);
    if (member == nullptr || !member->is_string()) throw not_one;
    return std::string(member->get_string());
  };
  if (text_of("event") != "error") throw not_one;
  event.code = text_of("code");
  event.message = text_of("message");
  const boost::json::value* retryable = take("retryable");
  if (retryable == nullptr || !retryable->is_bool()) throw not_one;
  event.retryable = retryable->get_bool();
  const boost::json::value* retry_ms = take("retry_ms");
  if (event.retryable != (retry_ms != nullptr && retry_ms->is_int64())) throw not_one;
  if (const boost::json::value* id = take("id")) event.id = boost::json::serialize(*id);
  if (object.contains("group_id")) event.group_id = text_of("group_id");
  if (event.message.empty() || known != object.size()) throw not_one;
  return event;
}

std::string Quoted(std::string_view text) {
  return boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

}  // namespace support
