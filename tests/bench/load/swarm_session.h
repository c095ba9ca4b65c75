// One WebSocket session of bench_swarm, which speaks one of the dialects.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/dialect.h"
#include "tests/bench/load/ledger.h"

namespace channel::bench {

// What all sessions share. A session that broke is counted in `broken`, with the reason.
struct SwarmShared {
  explicit SwarmShared(Dialect its_dialect)
      : dialect(its_dialect), request(UpgradeRequest(Target(its_dialect))) {}

  const Dialect dialect;
  const std::string request;
  Ledger* ledger = nullptr;
  ClientFrame frame;
  std::vector<char> scratch = std::vector<char>(512 * 1024);
  uint64_t reads = 0;  // recv() that brought something
  uint64_t broken = 0;
  std::string why_broken;  // the first one
};

// Owned by Swarm, used on its one thread. Everything that the server does wrong breaks the session:
// it is closed, and stays in the table.
class SwarmSession {
 public:
  // What OnReadable met, as bits.
  enum Event : unsigned {
    kOpened = 1,    // greeted: commands may be sent
    kAnswered = 2,  // what was said before SendAsk has been taken
    kOwn = 4,       // a message of its own came back
  };

  explicit SwarmSession(uint32_t index) : index_(index) {}

  // Connects and asks for the upgrade. Returns the descriptor, or -1 with errno.
  int Start(SwarmShared& shared, uint32_t source, uint16_t port);

  // Takes all that the socket has.
  unsigned OnReadable(SwarmShared& shared);

  // Sends what is in shared.frame. Breaks if the socket does not take it whole: it is small, and
  // the server reads.
  void Send(SwarmShared& shared, uint8_t first);

  // Asks for an answer that follows all that was said before: a ping.
  void SendAsk(SwarmShared& shared);

  void Close();
  bool open() const { return state_ == State::kOpen; }

 private:
  enum class State : uint8_t { kClosed, kUpgrading, kGreeting, kOpen };

  void Break(SwarmShared& shared, std::string_view why);
  void SendText(SwarmShared& shared, uint8_t first, std::string_view text);
  // These take what is whole from the front, and return its bytes.
  size_t TakeUpgrade(SwarmShared& shared, std::string_view data, unsigned& events);
  size_t TakeFrame(SwarmShared& shared, std::string_view data, int64_t now, unsigned& events);
  size_t TakeNatsLine(SwarmShared& shared, std::string_view data, int64_t now, unsigned& events);
  // Moves the payloads of binary frames together, at the front of `data`, behind the first
  // `stream_bytes`, which are that already. Returns where the payloads end; `used` is where the
  // frames do.
  size_t JoinPayloads(SwarmShared& shared, char* data, size_t bytes, size_t stream_bytes,
                      size_t& used);
  void OnOpen(unsigned& events);
  void OnControl(SwarmShared& shared, uint8_t first, std::string_view payload, unsigned& events);
  void OnText(SwarmShared& shared, std::string_view text, int64_t now, unsigned& events);
  void OnSocketIo(SwarmShared& shared, std::string_view packet, unsigned& events);
  void Keep(std::string_view stream, std::string_view frames);

  const uint32_t index_;
  int fd_ = -1;
  State state_ = State::kClosed;
  // What is not whole yet: of kNats bytes of the stream, then of all the part of a frame.
  uint32_t kept_bytes_ = 0;
  uint32_t kept_stream_bytes_ = 0;
  uint32_t kept_room_ = 0;
  std::unique_ptr<char[]> kept_;
  uint64_t payload_left_ = 0;  // kNats: of the frame that is being read
};

}  // namespace channel::bench
