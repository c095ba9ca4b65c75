#include "tests/support/web_socket_client.h"

#include <atomic>

namespace support {
namespace {

constexpr std::string_view kMarker = "#joined ";
// The accept key that belongs to the key of UpgradeRequestHead (RFC 6455, section 1.3).
constexpr const char* kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string Excerpt(const std::string& text) { return text.substr(0, 300); }

}  // namespace

WebSocketClient::WebSocketClient(std::uint16_t port, const ConnectOptions& options)
    : answers_pings_(options.answers_pings), connection_(port, options.tcp) {
  const std::string host =
      options.host.empty() ? "127.0.0.1:" + std::to_string(port) : options.host;
  std::string request = options.before + UpgradeRequestHead(options.path, host);
  for (const auto& [name, value] : options.headers) request += name + ": " + value + "\r\n";
  if (!options.subprotocols.empty()) {
    request += "Sec-WebSocket-Protocol: " + options.subprotocols + "\r\n";
  }
  connection_.Send(request + "\r\n");
  const HttpResponse response = ReadHttpResponse(connection_, buffer_);
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

bool WebSocketClient::TakeFrame(Frame& frame) {
  const std::string_view bytes = std::string_view(buffer_).substr(consumed_);
  if (bytes.size() < 2) return false;
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  const auto second = static_cast<std::uint8_t>(bytes[1]);
  if ((second & 0x80) != 0) throw TestFailure("the edge masks its frames");
  std::size_t head = 2;
  std::uint64_t length = second;
  if (length >= 126) {
    const std::size_t width = length == 126 ? 2 : 8;
    head += width;
    if (bytes.size() < head) return false;
    length = BigEndian(bytes.substr(2, width));
  }
  if (bytes.size() - head < length) return false;
  frame.fin = (first & 0x80) != 0;
  frame.reserved = (first >> 4) & 7;
  frame.opcode = first & 15;
  frame.masked = false;
  frame.payload = bytes.substr(head, length);
  consumed_ += head + length;
  if (consumed_ == buffer_.size()) {
    buffer_.clear();
    consumed_ = 0;
  }
  return true;
}

std::optional<Frame> WebSocketClient::ReadFrame(Duration wait) {
  const Deadline deadline = After(wait);
  Frame frame;
  while (true) {
    if (TakeFrame(frame)) {
      if (!answers_pings_ || !frame.Is(Opcode::kPing)) return frame;
      frame.opcode = static_cast<std::uint8_t>(Opcode::kPong);
      frame.masked = true;
      SendFrame(frame);
      continue;
    }
    buffer_.erase(0, consumed_);
    consumed_ = 0;
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
  const boost::json::object* object = error ? nullptr : value.if_object();
  const boost::json::value* event = object == nullptr ? nullptr : object->if_contains("event");
  if (event == nullptr || !event->is_string()) throw TestFailure("not an event: " + Excerpt(text));
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

}  // namespace support
