#include "channel_service/rpc/guard_rules.h"

#include <algorithm>

namespace channel {
namespace {

// A rate needs some time: what follows each other closely would round it to nothing.
constexpr std::chrono::milliseconds kLeakInterval{2};

// Lowers `level` by what leaks in this time, at most to zero.
void Leak(uint64_t* level, uint64_t leaked) { *level -= leaked < *level ? leaked : *level; }

// Returns how much of `rate` per second `time` is; an hour at most, so that nothing overflows.
uint64_t PerSecond(uint64_t rate, SteadyTime::duration time) {
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  return rate * static_cast<uint64_t>(millis < 3'600'000 ? millis : 3'600'000) / 1000;
}

}  // namespace

const char* ToString(CutReason reason) {
  switch (reason) {
    case CutReason::kHeldLoop:
      return "held_loop";
    case CutReason::kUnexplainedBytes:
      return "unexplained_bytes";
    case CutReason::kWastedCalls:
      return "wasted_calls";
    case CutReason::kAddressNoise:
      return "address_noise";
  }
  return "?";
}

bool ConnectionRules::Judge(const ConnectionLook& look) {
  unexplained_ += look.read_bytes - last_.read_bytes;
  Leak(&unexplained_, look.explained_bytes - last_.explained_bytes);
  // The kernel forgets what it has sent when the connection is over.
  const uint64_t sent_bytes = std::max(look.sent_bytes, last_.sent_bytes);
  Leak(&unexplained_, (sent_bytes - last_.sent_bytes) / kSentBytesPerUnexplainedByte);
  if (look.at - last_.at >= kLeakInterval) {
    Leak(&unexplained_, PerSecond(kUnexplainedBytesPerSecond, look.at - last_.at));
    last_ = look;
  } else {
    const SteadyTime at = last_.at;
    last_ = look;
    last_.at = at;
  }
  const uint64_t open_calls = std::min(look.open_calls, kUnexplainedCallsMax);
  return unexplained_ > unexplained_max_ + open_calls * kUnexplainedBytesPerCall;
}

bool AddressRules::AddNoise(uint64_t unexplained_bytes, SteadyTime now) {
  LeakUntil(now);
  noise_ += std::clamp(unexplained_bytes, kGoneBytesMin, kGoneBytesMax);
  return noise_ > kAddressNoiseMax;
}

bool AddressRules::AddWasted(uint64_t calls, SteadyTime now) {
  LeakUntil(now);
  wasted_ += calls;
  return wasted_ > kWastedCallsMax;
}

bool AddressRules::IsOver(SteadyTime now) {
  LeakUntil(now);
  return noise_ == 0 && wasted_ == 0;
}

void AddressRules::LeakUntil(SteadyTime now) {
  if (now - at_ < kLeakInterval) return;
  Leak(&noise_, PerSecond(kAddressNoisePerSecond, now - at_));
  Leak(&wasted_, PerSecond(kWastedCallsMax, now - at_));
  at_ = now;
}

bool PollWatch::IsBusy(const LoopPlace& place) const {
  return place.polls % 2 == 1 && place.polls == began_.polls &&
         place.cpu - began_.cpu > kPollCpuMax / 16;
}

PollWatch::Verdict PollWatch::Judge(const LoopPlace& place) {
  const bool inside = place.polls % 2 == 1;
  if (!inside || place.polls != began_.polls) {
    began_ = place;
    return Verdict::kTurns;
  }
  const auto spent = place.cpu - began_.cpu;
  if (spent >= kPollCpuMax) return Verdict::kHeld;
  return spent >= kPollCpuMax / 2 ? Verdict::kSuspect : Verdict::kTurns;
}

}  // namespace channel
