#include "tests/bench/load/swarm_measure.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <string>
#include <vector>

namespace channel::bench {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kQuietNs = kSecond / 50;      // the servers are quiet if they use at most …
constexpr int64_t kQuietCpuNs = kQuietNs / 20;  // … of it, all together
constexpr int64_t kQuietWaitNs = 3 * kSecond;

std::string Json(const LatencyHistogram& latencies) {
  char text[200];
  std::snprintf(text, sizeof text,
                "{\"p50\":%" PRIu64 ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"p999\":%" PRIu64
                ",\"max\":%" PRIu64 ",\"mean\":%.0f}",
                latencies.Percentile(0.5), latencies.Percentile(0.9), latencies.Percentile(0.99),
                latencies.Percentile(0.999), latencies.max(), latencies.mean());
  return text;
}

std::string Json(const std::vector<int64_t>& numbers) {
  std::string text = "[";
  for (const int64_t number : numbers) {
    if (text.size() > 1) text += ',';
    text += std::to_string(number);
  }
  return text + "]";
}

void CheckSenders(Swarm& swarm, uint32_t senders, uint32_t bytes) {
  if (!swarm.joined() || senders == 0 || senders > swarm.ledger().smallest_group() ||
      bytes < SwarmMessage::kHeaderBytes || bytes > kMessageBytesMax) {
    Die("not joined, more senders than members, or a message of a wrong size");
  }
}

}  // namespace

Window::Window(Swarm& swarm, const CpuClocks& servers) : swarm_(swarm), servers_(servers) {
  Ledger& ledger = swarm.ledger();
  ledger.latencies.Clear();
  faults_before_ = ledger.faults;
  publications_before_ = ledger.publications();
  deliveries_before_ = ledger.deliveries();
  reads_before_ = swarm.reads();
  servers_before_ = servers.Read();
  own_before_ = Now(CLOCK_PROCESS_CPUTIME_ID);
  start_ = Now();
}

void Window::Print(const std::string& more) {
  const bool complete = swarm_.Drain();
  const int64_t wall = Now() - start_;
  std::vector<int64_t> each = servers_.Read();
  const int64_t own = Now(CLOCK_PROCESS_CPUTIME_ID) - own_before_;
  const Ledger& ledger = swarm_.ledger();
  const std::string latencies = Json(ledger.latencies);
  const uint64_t deliveries = ledger.deliveries() - deliveries_before_;
  const uint64_t reads = swarm_.reads() - reads_before_;
  swarm_.AwaitStrays();
  int64_t cpu = 0;
  for (size_t i = 0; i < each.size(); ++i) cpu += each[i] -= servers_before_[i];
  const Faults& before = faults_before_;
  const Faults& after = ledger.faults;
  std::printf(
      "{\"complete\":%s,\"publications\":%" PRIu64 ",\"deliveries\":%" PRIu64 ",\"cpu_ns\":%" PRId64
      ",\"cpu_ns_each\":%s,\"load_cpu_ns\":%" PRId64 ",\"reads\":%" PRIu64 ",\"wall_ns\":%" PRId64
      ",\"latency_ns\":%s,\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64
      ",\"damaged\":%" PRIu64 ",\"closed\":%" PRIu64 "%s}\n",
      complete ? "true" : "false", ledger.publications() - publications_before_, deliveries, cpu,
      Json(each).c_str(), own, reads, wall, latencies.c_str(), after.lost - before.lost,
      after.duplicated - before.duplicated, after.reordered - before.reordered,
      after.damaged - before.damaged, swarm_.broken(), more.c_str());
  if (!swarm_.healthy()) std::fprintf(stderr, "bench_swarm: %s\n", swarm_.why_broken().c_str());
}

void Saturate(Swarm& swarm, const CpuClocks& servers, uint32_t senders, uint32_t bytes,
              int64_t ns) {
  CheckSenders(swarm, senders, bytes);
  const std::vector<uint32_t> all = swarm.ledger().Senders(senders);
  Window window(swarm, servers);
  const int64_t end = Now() + ns;
  swarm.set_echo_bytes(bytes);
  for (const uint32_t sender : all) swarm.Publish(sender, bytes, Now());
  for (int64_t left = ns; left > 0 && swarm.healthy(); left = end - Now()) swarm.Poll(left);
  swarm.set_echo_bytes(0);
  window.Print("");
}

void SendAtRate(Swarm& swarm, const CpuClocks& servers, double per_second, uint32_t senders,
                uint32_t bytes, int64_t ns) {
  CheckSenders(swarm, senders, bytes);
  if (per_second <= 0) Die("no rate");
  const std::vector<uint32_t> all = swarm.ledger().Senders(senders);
  Window window(swarm, servers);
  const int64_t start = Now();
  int64_t latest = 0;  // the most that a message left late
  for (uint64_t i = 0; swarm.healthy(); ++i) {
    const auto after = static_cast<int64_t>(static_cast<double>(i) * 1e9 / per_second);
    if (after >= ns) break;
    int64_t late = 0;
    while ((late = Now() - start - after) < 0 && swarm.healthy()) swarm.Poll(-late);
    latest = std::max(latest, late);
    swarm.Publish(all[i % all.size()], bytes, start + after);
  }
  window.Print(",\"latest_ns\":" + std::to_string(latest));
}

void MeasureLatency(Swarm& swarm, uint32_t count, int64_t interval_ns, uint32_t bytes) {
  CheckSenders(swarm, 2, bytes);
  if (swarm.sessions() != 2) Die("latency is measured with two sessions");
  std::vector<int64_t> samples;
  samples.reserve(count);
  const CpuClocks nobody;
  Window window(swarm, nobody);
  const int64_t start = Now();
  for (uint32_t i = 0; i < count && swarm.healthy(); ++i) {
    const int64_t due = start + (i + 1) * interval_ns;
    for (int64_t left = 0; (left = due - Now()) > 0 && swarm.healthy();) swarm.Poll(left);
    swarm.Publish(i % 2, bytes, Now());
    if (!swarm.Drain()) break;
    samples.push_back(swarm.ledger().latency_to_other);
  }
  window.Print(",\"samples_ns\":" + Json(samples));
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

void MeasureConnects(Swarm& swarm, const CpuClocks& servers, uint32_t count, uint32_t groups,
                     const std::string& prefix) {
  if (swarm.sessions() > 0 || groups == 0) Die("there are connections, or no groups");
  const std::vector<int64_t> before = servers.Read();
  const int64_t own_before = Now(CLOCK_PROCESS_CPUTIME_ID);
  const int64_t start = Now();
  swarm.ConnectAndJoin(count, groups, prefix);
  const int64_t wall = Now() - start;
  std::vector<int64_t> each = servers.Read();
  const int64_t own = Now(CLOCK_PROCESS_CPUTIME_ID) - own_before;
  int64_t cpu = 0;
  for (size_t i = 0; i < each.size(); ++i) cpu += each[i] -= before[i];
  swarm.CloseAll();
  AwaitQuiet(swarm, servers);
  std::printf("{\"connections\":%u,\"cpu_ns\":%" PRId64
              ",\"cpu_ns_each\":%s,\"load_cpu_ns\":%" PRId64 ",\"wall_ns\":%" PRId64 "}\n",
              count, cpu, Json(each).c_str(), own, wall);
}

}  // namespace channel::bench
