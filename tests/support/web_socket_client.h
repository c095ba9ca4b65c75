#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/http.h"
#include "tests/support/tcp_connection.h"
#include "tests/support/web_socket_frame.h"

namespace support {

struct ConnectOptions {
  std::string path = "/";
  std::string host;    // the header Host; empty = the host of `tcp` and the port
  std::string before;  // sent before the request: a header of the PROXY protocol
  std::vector<std::pair<std::string, std::string>> headers;  // beside those that the upgrade needs
  std::string subprotocols;  // offered, as in the header: "a, b"; empty = none
  TcpOptions tcp;
  bool answers_pings = true;
  Duration wait = kPatience;  // for the connection, then for the answer to the upgrade
};

// The subprotocol that a client offers for envelopes.
inline constexpr const char* kEnvelopedSubprotocol = "channel.v1.json";

// The head of a good upgrade request, without the empty line that ends it.
std::string UpgradeRequestHead(const std::string& path = "/",
                               const std::string& host = "127.0.0.1");

// A small WebSocket client for tests: blocking, every read with a deadline, and able to break every
// rule. Owned by one thread. Throws TestFailure when something else comes than was asked for.
class WebSocketClient {
 public:
  // Connects to the port and upgrades.
  explicit WebSocketClient(std::uint16_t port, const ConnectOptions& options = {});

  // Connects again and again until the kernel gives it to the edge of this name; at most 200 times.
  static WebSocketClient OnEdge(std::uint16_t port, const std::string& edge_name,
                                ConnectOptions options = {});

  // The header X-Channel-Edge of the upgrade.
  const std::string& edge() const { return edge_; }
  // The subprotocol that the edge has chosen of those offered; empty = none.
  const std::string& subprotocol() const { return subprotocol_; }
  bool enveloped() const { return subprotocol_ == kEnvelopedSubprotocol; }

  void SendText(std::string_view text) { connection_.Send(EncodeText(text)); }
  void SendFrame(const Frame& frame) { connection_.Send(EncodeFrame(frame)); }
  void SendRaw(std::string_view bytes) { connection_.Send(bytes); }

  // The seed's commands. `group` and `message` are strings and are escaped.
  void Join(std::string_view group);
  void Leave(std::string_view group);
  void Publish(std::string_view group, std::string_view message);

  // Joins, sends a marker ("#joined …") to the group and reads until it comes back: the join is in
  // force on the whole way. Other members' ReadMessage skips markers.
  void JoinAndWait(std::string_view group);

  // The next frame, whatever it is; pings are answered but not returned unless `answers_pings` is
  // false. Nothing = it did not come in time. Throws if the peer is gone.
  std::optional<Frame> ReadFrame(Duration wait = kPatience);

  // The next data frame as it is, markers of others excepted.
  Frame ReadData(Duration wait = kPatience);
  // The text of the next data frame; throws if it is not text.
  std::string ReadMessage(Duration wait = kPatience);
  // With envelopes: the next data frame, an object with a string `event`.
  boost::json::object ReadEvent(Duration wait = kPatience);

  // Reads on, past everything, to the edge's close frame.
  Frame ReadUntilClose(Duration wait = kPatience);
  // True when the edge has closed the TCP connection; reads and forgets what still comes.
  bool AwaitEnd(Duration wait = kPatience);

  // Proves that nothing has come that was not read: sends a command that does not exist and throws
  // unless its error is the very next frame. Also proves that the connection works, in its dialect.
  void ExpectSilence(Duration wait = kPatience);

  // Answers a close frame or starts closing.
  void SendClose(int code, std::string_view reason = "");

  TcpConnection& connection() { return connection_; }

 private:
  bool answers_pings_;
  TcpConnection connection_;
  std::string buffer_;
  std::string edge_;
  std::string subprotocol_;
};

// The `code` of an error frame; empty if this is not one, or if it does not have exactly the fields
// event, code and message.
std::string ErrorCode(std::string_view text);

// An error event of the enveloped dialect. Throws TestFailure if this is not one, or if it has
// other fields than it may have: retry_ms comes with what is retryable, and only then.
struct ErrorEvent {
  std::string code;
  std::string message;
  bool retryable = false;
  std::string id;        // as JSON text; empty = none
  std::string group_id;  // empty = none
};
ErrorEvent ParseErrorEvent(std::string_view text);

// A JSON string literal with its quotes.
std::string Quoted(std::string_view text);

}  // namespace support
