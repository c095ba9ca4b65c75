// Rules for connections to the gRPC port. They are pure: time and counts are given.
//
// gRPC 1.51 bounds the streams that are open at a time, and the bytes that wait in them; it does
// not bound what ends at once (streams that are reset), what is no stream (PING, SETTINGS), and
// headers and messages that never end. And it goes on reading one socket as long as that has bytes,
// while the loop, and everybody else, waits.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "channel_service/base/clock.h"
#include "channel_service/limits.h"

namespace channel {

enum class CutReason { kHeldLoop, kUnexplainedBytes, kWastedCalls, kAddressNoise };
inline constexpr int kCutReasons = 4;
const char* ToString(CutReason reason);

// CPU time that gRPC may spend inside one poll, if the bytes that it reads do not explain it: the
// 100 calls of an honest connection that come at once take 1.5 ms. A byte of a large message takes
// 0.7 ns, one of CONTINUATION 10 ns, one of RST_STREAM 200 ns; a flood of CONTINUATION takes 0.7
// MiB of memory in each ms, one of RST_STREAM 0.5 MiB. Bytes that come fast are bounded by
// UnexplainedBytesMax: until the poll ends no message explains them.
inline constexpr std::chrono::milliseconds kPollCpuMax{24};
inline constexpr std::chrono::nanoseconds kPollCpuPerByte{4};

// Bytes that no message explains: one that is not complete or not yet read by its call, headers, or
// noise; of one connection, what each of its first open calls adds (the largest request and its
// window), and of all connections. They leak, at a rate that covers WINDOW_UPDATE and PING frames:
// these are sent for what is received. A unary call is open only when its message is complete: all
// that one connection may have (kStreamsPerConnectionMax) may be under way with the longest
// message. With the default --message_bytes_max that makes 12.25 MiB. A client that tries one
// message of 8 MiB hears that it is too long. Headers without end, which gRPC or the rule of the
// loop often ends, cost at worst seven times their bytes of memory: by default 86 MiB, and 275 MiB
// beside six open calls; with 1 MiB 742 and 931 MiB.
constexpr uint64_t UnexplainedBytesMax(uint64_t message_bytes_max) {
  return (6 << 20) + kStreamsPerConnectionMax * message_bytes_max;
}
inline constexpr uint64_t kUnexplainedBytesPerCall = (4 << 20) + (512 << 10);
inline constexpr uint64_t kUnexplainedCallsMax = 6;
constexpr uint64_t UnexplainedBytesTotalMax(uint64_t message_bytes_max) {
  return std::max<uint64_t>(64 << 20, 4 * UnexplainedBytesMax(message_bytes_max));
}
inline constexpr uint64_t kUnexplainedBytesPerSecond = 64 << 10;
inline constexpr uint64_t kSentBytesPerUnexplainedByte = 256;

// Calls for nothing that the connections of an address may make: so many at once, and as many again
// in each second. These are calls which end when they are younger than this (streams with an error,
// unary ones that are refused before they are parsed, and whatever the client cancels),
// and those of a connection that is gone. A call of Subscribe that is cancelled costs 80 µs. An
// edge makes none.
inline constexpr uint64_t kWastedCallsMax = 500;
inline constexpr std::chrono::seconds kWastedCallAgeMax{1};

// Noise of an address over connections that are gone: each of them counts with what it left
// unexplained, up to a bound, so that clients which die with large messages under way are no flood,
// and one that brought no message with something. The sum leaks.
inline constexpr uint64_t kGoneBytesMin = 16 << 10;
inline constexpr uint64_t kGoneBytesMax = 4 << 20;
inline constexpr uint64_t kAddressNoiseMax = 12 << 20;
inline constexpr uint64_t kAddressNoisePerSecond = 1 << 20;

// The rules for the connections of one address, taken together.
class AddressRules {
 public:
  // A connection that was noise is gone. Returns true if that was one too many.
  bool AddNoise(uint64_t unexplained_bytes, SteadyTime now);
  // Calls were for nothing. Returns true if they are too many.
  bool AddWasted(uint64_t calls, SteadyTime now);
  // Returns true if nothing of it is left.
  bool IsOver(SteadyTime now);

 private:
  void LeakUntil(SteadyTime now);

  uint64_t noise_ = 0;
  uint64_t wasted_ = 0;
  SteadyTime at_ = {};
};

// A connection at one moment. The counts of bytes only grow.
struct ConnectionLook {
  SteadyTime at = {};
  uint64_t read_bytes = 0;  // by gRPC
  uint64_t sent_bytes = 0;
  uint64_t explained_bytes = 0;
  uint64_t open_calls = 0;
};

// The rules for one connection.
class ConnectionRules {
 public:
  // `unexplained_max`: UnexplainedBytesMax.
  ConnectionRules(SteadyTime now, uint64_t unexplained_max) : unexplained_max_(unexplained_max) {
    last_.at = now;
  }

  // Called now and then, in the order of time. Returns true if too much is unexplained.
  bool Judge(const ConnectionLook& look);

  uint64_t unexplained_bytes() const { return unexplained_; }

 private:
  uint64_t unexplained_max_;
  ConnectionLook last_;
  uint64_t unexplained_ = 0;
};

// The loop's place, as another thread sees it.
struct LoopPlace {
  uint64_t polls = 0;  // odd: inside a poll
  std::chrono::nanoseconds cpu{0};
};

// Notices that one connection holds the loop inside a poll.
class PollWatch {
 public:
  enum class Verdict {
    kTurns,
    kSuspect,  // for half of the time: whose bytes are read from now on?
    kHeld,
  };
  Verdict Judge(const LoopPlace& place);
  // Returns whether the loop has been busy since the last Judge, inside the same poll.
  bool IsBusy(const LoopPlace& place) const;
  // The count begins anew.
  void Restart() { began_ = {}; }

 private:
  LoopPlace began_;  // when the count began
};

}  // namespace channel
