#include "tests/bench/load/measure.h"

#include <utility>
#include <vector>

namespace channel::bench {
namespace {

constexpr int64_t kQuietNs = kSecond / 50;      // the servers are quiet if they use at most …
constexpr int64_t kQuietCpuNs = kQuietNs / 20;  // … of it, all together
constexpr int64_t kQuietWaitNs = 3 * kSecond;

// A measurement with its latencies.
class TalkWindow : public Window {
 public:
  TalkWindow(Talk& talk, const CpuClocks& servers, uint32_t bytes)
      : Window(talk, servers), talk_(talk) {
    if (!IsMessageSize(bytes)) Die("a message of a wrong size");
    talk.latencies.Clear();
  }

  boost::json::object End() {
    boost::json::object result = Window::End();
    result["latency_p50_ns"] = talk_.latencies.Percentile(0.5);
    result["latency_p99_ns"] = talk_.latencies.Percentile(0.99);
    return result;
  }

 private:
  Talk& talk_;
};

}  // namespace

boost::json::object Saturate(Talk& talk, const CpuClocks& servers, uint32_t senders, uint32_t bytes,
                             int64_t ns) {
  const std::vector<uint32_t> all = talk.Senders(senders);
  TalkWindow window(talk, servers, bytes);
  Swarm& swarm = talk.swarm();
  talk.set_echo_bytes(bytes);
  for (const uint32_t sender : all) talk.Publish(sender, bytes, Now());
  for (int64_t left = ns; left > 0 && swarm.healthy(); left = window.start() + ns - Now()) {
    swarm.Poll(left);
  }
  talk.set_echo_bytes(0);
  return window.End();
}

boost::json::object SendAtRate(Talk& talk, const CpuClocks& servers, double per_second,
                               uint32_t senders, uint32_t bytes, int64_t ns) {
  if (per_second <= 0) Die("no rate");
  const std::vector<uint32_t> all = talk.Senders(senders);
  TalkWindow window(talk, servers, bytes);
  for (uint64_t i = 0; talk.swarm().healthy(); ++i) {
    const auto after = static_cast<int64_t>(static_cast<double>(i) * 1e9 / per_second);
    if (after >= ns) break;
    const int64_t due = window.start() + after;
    for (int64_t left = 0; (left = due - Now()) > 0 && talk.swarm().healthy();) {
      talk.swarm().Poll(left);
    }
    talk.Publish(all[i % all.size()], bytes, due);
  }
  return window.End();
}

boost::json::object MeasureLatency(Talk& talk, uint32_t count, int64_t interval_ns,
                                   uint32_t bytes) {
  Swarm& swarm = talk.swarm();
  if (swarm.sessions() != 2) Die("latency is measured with two sessions");
  const CpuClocks nobody;
  boost::json::array samples;
  samples.reserve(count);
  TalkWindow window(talk, nobody, bytes);
  for (uint32_t i = 0; i < count && swarm.healthy(); ++i) {
    const int64_t due = window.start() + (i + 1) * interval_ns;
    for (int64_t left = 0; (left = due - Now()) > 0 && swarm.healthy();) swarm.Poll(left);
    talk.Publish(i % 2, bytes, Now());
    if (!talk.Drain()) break;
    samples.emplace_back(talk.latency_to_other);
  }
  boost::json::object result = window.End();
  result["samples_ns"] = std::move(samples);
  return result;
}

boost::json::object MeasureTurns(FanOut& fan_out, const CpuClocks& servers, const Order& order,
                                 int64_t ns) {
  Window window(fan_out, servers);
  do {
    fan_out.Expect(order);
    fan_out.Send(order);
  } while (fan_out.Drain() && Now() - window.start() < ns);
  return window.End();
}

void AwaitQuiet(Swarm& swarm, const CpuClocks& servers) {
  const int64_t deadline = Now() + kQuietWaitNs;
  int64_t before = servers.Sum();
  while (Now() < deadline) {
    for (const int64_t end = Now() + kQuietNs; Now() < end;) swarm.Poll(kQuietNs);
    const int64_t now = servers.Sum();
    if (now - before <= kQuietCpuNs) return;
    before = now;
  }
}

boost::json::object MeasureConnects(Swarm& swarm, const CpuClocks& servers, uint32_t count,
                                    uint32_t groups) {
  if (swarm.sessions() > 0 || groups == 0) Die("there are sessions, or no groups");
  CostMeter meter(servers);
  swarm.ConnectAndJoin(count, groups);
  meter.Stop();
  swarm.CloseAll();
  AwaitQuiet(swarm, servers);
  boost::json::object result{{"connections", count}};
  meter.AddTo(result);
  return result;
}

}  // namespace channel::bench
