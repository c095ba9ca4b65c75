#include "tests/bench/load/account.h"

namespace channel::bench {
namespace {

constexpr int64_t kJoinNs = 60 * kSecond;          // for all sessions
constexpr int64_t kProbeIntervalNs = kSecond / 5;  // between probes of a join
constexpr int64_t kDrainNs = 5 * kSecond;          // what has not come then is lost

}  // namespace

bool Account::Drain() {
  const int64_t deadline = Now() + kDrainNs;
  while (deliveries_ < expected_ && swarm_.healthy() && Now() < deadline) {
    swarm_.Poll(kSecond / 10);
  }
  return deliveries_ >= expected_ && swarm_.healthy();
}

void Account::AwaitJoined(const std::function<void()>& send) {
  const int64_t deadline = Now() + kJoinNs;
  probed_ = 0;
  while (probed_ < swarm_.sessions()) {
    if (Now() > deadline) Die("not every session hears its groups");
    ++probe_;
    probed_ = 0;
    send();
    // While probes keep coming, the next one would only make it slower.
    int64_t patience = Now() + kProbeIntervalNs;
    while (probed_ < swarm_.sessions() && Now() < patience && swarm_.healthy()) {
      if (swarm_.Poll(kSecond / 50) > 0) patience = Now() + kProbeIntervalNs;
    }
    if (!swarm_.healthy()) Die("a session broke while joining");
  }
}

void Account::OnProbe(Heard& heard, uint64_t probe, size_t times) {
  if (probe != probe_) return;  // an older one, or another client's
  if (heard.probe != probe) heard = {.probe = probe};
  if (++heard.times == times) ++probed_;
}

boost::json::object Account::Finish(CostMeter& meter) {
  const bool complete = Drain();
  meter.Stop();
  if (!complete) CountMissing();
  boost::json::object result{{"complete", complete}};
  meter.AddTo(result);
  result["end_ns"] = Now();
  result["deliveries"] = deliveries_ - deliveries_before_;
  swarm_.AwaitStrays();
  faults_.closed = swarm_.broken();
  faults_.AddTo(result, faults_before_);
  faults_before_ = faults_;
  deliveries_before_ = deliveries_;
  return result;
}

}  // namespace channel::bench
