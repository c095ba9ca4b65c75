// What the clients of the engine figure (bench_engine_load, bench_jetstream) share, so that they
// load our service and its peer alike, check alike, and say the same.
#pragma once

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/latency_histogram.h"
#include "tests/bench/load/message.h"
#include "tests/bench/load/sequence_check.h"

namespace channel::bench {

inline constexpr int64_t kEngineSilenceNs = 10'000'000'000;  // nothing for this long: it failed
inline constexpr int64_t kEngineGraceNs = 5'000'000;  // what comes after all has come is too much

struct EngineLoad {
  uint32_t first_group = 0;  // of those below
  uint32_t groups = 0;
  uint32_t together = 0;      // in a request; or sent when there is room for so many
  uint32_t in_flight = 0;     // sent, and not yet both acknowledged and delivered
  uint32_t bytes = 0;         // of a message
  uint32_t publications = 0;  // measured ones; a quarter of them goes before, to warm up
  uint32_t interval_us = 0;   // not 0: one at a time, each so long after the one before

  static constexpr const char* kUsage =
      "FIRST_GROUP GROUPS TOGETHER IN_FLIGHT BYTES PUBLICATIONS INTERVAL_US PID...";
  static constexpr int kArguments = 7;

  // False if it is not a load.
  bool Read(char** argv) {
    uint32_t* const fields[] = {&first_group, &groups,       &together,   &in_flight,
                                &bytes,       &publications, &interval_us};
    for (int i = 0; i < kArguments; ++i) *fields[i] = static_cast<uint32_t>(std::atoi(argv[i]));
    return groups > 0 && together > 0 && in_flight >= together && bytes >= kSequenceBytes &&
           bytes <= kMessageBytesMax && publications > 0;
  }
};

// The group of publication `number`, which counts 1, 2, 3 … over all groups: they take turns. It
// counts from 0, whatever first_group is.
inline uint32_t GroupOf(uint64_t number, uint32_t groups) {
  return static_cast<uint32_t>((number - 1) % groups);
}
inline std::vector<std::string> GroupNames(const EngineLoad& load) {
  std::vector<std::string> names;
  for (uint32_t i = 0; i < load.groups; ++i) {
    names.push_back("bench-engine-" + std::to_string(load.first_group + i));
  }
  return names;
}

// Every publication from its sending to its answer and its delivery. One thread sends; one thread,
// the same or another, tells what has come.
class EngineLedger {
 public:
  explicit EngineLedger(const EngineLoad& load)
      : load_(load), sent_at_(load.publications * size_t{5} / 4 + 2), checks_(load.groups) {}

  uint64_t sent() const { return sent_; }
  // So many were both acknowledged and delivered.
  uint64_t done() const { return std::min(acknowledged_.load(), delivered_.load()); }

  // Writes the next message; returns its number.
  uint64_t Send(char* to) {
    sent_at_[++sent_] = Now();
    WriteMessage(sent_, load_.bytes, to);
    return sent_;
  }

  void OnAcknowledged(uint64_t number) {
    acknowledge_.Add(Now() - sent_at_[number]);
    ++acknowledged_;
  }

  // `group`: what it was delivered for.
  void OnDelivered(uint32_t group, std::string_view message) {
    const uint64_t number = message.size() == load_.bytes ? ReadMessage(message) : 0;
    if (number == 0 || number >= sent_at_.size() || GroupOf(number, load_.groups) != group) {
      ++faults_.damaged;
    } else {
      checks_[group].OnMessage((number - 1) / load_.groups + 1, faults_);
      deliver_.Add(Now() - sent_at_[number]);
    }
    ++delivered_;
  }

  // While nothing is on its way.
  void StartLatency() {
    acknowledge_.Clear();
    deliver_.Clear();
  }

  // Fields of JSON.
  void PrintFields() const {
    PrintLatency("acknowledge", acknowledge_);
    PrintLatency("deliver", deliver_);
    std::printf("\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64
                ",\"damaged\":%" PRIu64,
                faults_.lost, faults_.duplicated, faults_.reordered, faults_.damaged);
  }

 private:
  static void PrintLatency(const char* what, const LatencyHistogram& latency) {
    std::printf("\"%s_p50_ns\":%" PRIu64 ",\"%s_p99_ns\":%" PRIu64 ",\"%s_max_ns\":%" PRIu64 ",",
                what, latency.Percentile(0.5), what, latency.Percentile(0.99), what, latency.max());
  }

  const EngineLoad load_;
  uint64_t sent_ = 0;
  std::vector<int64_t> sent_at_;  // by number
  std::atomic<uint64_t> acknowledged_ = 0;
  std::atomic<uint64_t> delivered_ = 0;
  // Of the thread that tells what has come.
  std::vector<SequenceCheck> checks_;
  LatencyHistogram acknowledge_;
  LatencyHistogram deliver_;
  Faults faults_;
};

// One run. A Link has Send(n), which sends the ledger's next n publications; Await(done), until so
// many are done; Rest(time), until then.
template <typename Link>
class EngineRun {
 public:
  EngineRun(const EngineLoad& load, const CpuClocks& servers, EngineLedger& ledger, Link& link)
      : load_(load), servers_(servers), ledger_(ledger), link_(link) {}

  // Prints one line of JSON. `own_counts`: this process is part of what is measured.
  void Run(bool own_counts) {
    const uint64_t warm_up = load_.publications / 4;
    PublishUpTo(warm_up);
    ledger_.StartLatency();
    const std::vector<int64_t> cpu_before = servers_.Read();
    const int64_t own_before = Now(CLOCK_PROCESS_CPUTIME_ID);
    const int64_t start = Now();
    PublishUpTo(warm_up + load_.publications);
    const int64_t wall = Now() - start;
    const int64_t own = Now(CLOCK_PROCESS_CPUTIME_ID) - own_before;
    std::vector<int64_t> cpu = servers_.Read();
    link_.Rest(Now() + kEngineGraceNs);
    for (size_t i = 0; i < cpu.size(); ++i) cpu[i] -= cpu_before[i];
    if (own_counts) cpu.push_back(own);
    std::printf("{\"publications\":%" PRIu32 ",\"deliveries\":%" PRIu32 ",\"wall_ns\":%" PRId64
                ",\"load_cpu_ns\":%" PRId64 ",",
                load_.publications, load_.publications, wall, own);
    int64_t sum = 0;
    std::printf("\"cpu_each_ns\":[");
    for (size_t i = 0; i < cpu.size(); ++i) {
      std::printf("%s%" PRId64, i == 0 ? "" : ",", cpu[i]);
      sum += cpu[i];
    }
    std::printf("],\"cpu_ns\":%" PRId64 ",", sum);
    ledger_.PrintFields();
    std::printf("}\n");
    std::fflush(stdout);
  }

 private:
  void PublishUpTo(uint64_t total) {
    const int64_t interval = int64_t{1000} * load_.interval_us;
    int64_t next = Now();
    while (ledger_.sent() < total) {
      if (interval > 0) {
        link_.Rest(next);
        link_.Send(1);
        link_.Await(ledger_.sent());
        next = std::max(next + interval, Now());
        continue;
      }
      const uint64_t count = std::min<uint64_t>(load_.together, total - ledger_.sent());
      if (ledger_.sent() + count > load_.in_flight) {
        link_.Await(ledger_.sent() + count - load_.in_flight);
      }
      link_.Send(static_cast<uint32_t>(count));
    }
    link_.Await(total);
  }

  const EngineLoad load_;
  const CpuClocks& servers_;
  EngineLedger& ledger_;
  Link& link_;
};

}  // namespace channel::bench
