// One WebSocket session of bench_swarm, which speaks one of the dialects.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/dialect.h"
#include "tests/support/tcp_connection.h"

namespace channel::bench {

// Gets the messages of all sessions. `now`: when they were read.
class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void OnMessage(uint32_t session, std::string_view text, int64_t now) = 0;
};

// The state that all sessions share. Sessions that broke are counted in `broken`; the first one
// says its reason on standard error.
struct SessionContext {
  explicit SessionContext(const Words& its_words)
      : words(its_words), request(UpgradeRequest(its_words.target)) {}

  const Words& words;
  const std::string request;
  Receiver* receiver = nullptr;
  ClientFrame frame;
  std::vector<char> scratch = std::vector<char>(512 * 1024);
  uint32_t opened = 0;    // sessions that were greeted, ever
  uint32_t answered = 0;  // answers to SendAsk, ever
  uint64_t broken = 0;
};

// Owned by Swarm, used on its one thread. Everything that the server does wrong breaks the session:
// it is closed, and stays in the table. No allocation per message.
class Session {
 public:
  Session(SessionContext& context, uint32_t index) : context_(context), index_(index) {}

  // Connects from a source address and asks for the upgrade. Returns the descriptor.
  int Start(const std::string& source, uint16_t port);

  // Takes all that the socket has. Returns whether the session was greeted meanwhile.
  bool OnReadable();

  // Sends what is in context.frame. Breaks if the socket does not take it whole: it is small, and
  // the server reads.
  void Send(uint8_t first);
  // Waits until the socket has taken all.
  void SendAll(std::string_view bytes) {
    if (tcp_) tcp_->Send(bytes);
  }
  // Asks for an answer that follows all that was said before: a ping.
  void SendAsk();

 private:
  enum class State : uint8_t { kUpgrading, kGreeting, kOpen };

  void Break(std::string_view why);
  void SendText(uint8_t first, std::string_view text);
  // These take what is whole from the front, and return its bytes.
  size_t TakeUpgrade(std::string_view data);
  size_t TakeFrame(std::string_view data, int64_t now);
  size_t TakeNatsLine(std::string_view data, int64_t now);
  void OnOpen();
  void OnControl(uint8_t first, std::string_view payload);
  void OnText(std::string_view text, int64_t now);
  void OnSocketIo(std::string_view packet);
  void OnNatsStream(std::string_view piece, int64_t now);

  SessionContext& context_;
  const uint32_t index_;
  std::optional<support::TcpConnection> tcp_;  // none: closed
  State state_ = State::kUpgrading;
  std::string kept_;    // of a frame that is not whole yet
  std::string stream_;  // kNats: of a line that is not whole yet
};

}  // namespace channel::bench
