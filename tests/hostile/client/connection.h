// One connection of an attacker: it says what its attack says, as fast as the edge takes it, and
// breaks off when the edge does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/hostile/client/attacks.h"
#include "tests/hostile/client/tally.h"
#include "tests/support/tcp_connection.h"

namespace hostile {

// Owned by the one thread. It never blocks, but for the connect.
class Connection {
 public:
  // Connects and asks for the upgrade. Throws TestFailure if nobody accepts it in time.
  Connection(const Attack& attack, std::uint16_t port, std::size_t number, Tally& tally,
             std::uint64_t& next);

  int descriptor() const { return tcp_.descriptor(); }
  // The events that it waits for, in words of epoll_ctl(2).
  std::uint32_t events() const;
  // Both return false when the connection is over; the tally says why.
  bool OnReadable();
  bool OnWritable();
  // Bytes, or the end, that OnReadable would take at once.
  bool HasInput() const;
  // Without a trace, so that its port is free again at once.
  void Reset() { tcp_.Reset(); }

 private:
  enum class State : std::uint8_t { kUpgrading, kOpen, kSilent };

  bool IsSilentAtOnce() const;
  bool TakeUpgrade();
  bool TakeFrames();
  void OnText(std::string_view text);
  void Speak();

  const Attack& attack_;
  Tally& tally_;
  std::uint64_t& next_;  // of the whole attack
  Speech speech_;
  std::size_t written_ = 0;  // of speech_.out
  bool has_more_ = true;
  State state_ = State::kUpgrading;
  std::string in_;
  support::TcpConnection tcp_;
};

}  // namespace hostile
