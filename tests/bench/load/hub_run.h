// What the clients of the hub figure (bench_hub_load, bench_pubsub) share, so that they load our
// service and its peers alike and say the same.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/sequence_check.h"

namespace channel::bench {

inline constexpr char kHubGroup[] = "bench-hub";
inline constexpr int64_t kHubWarmUpNs = 200'000'000;
inline constexpr int64_t kHubGraceNs = 5'000'000;  // what comes after all has come is a duplicate

// One measurement: made at its start.
class HubRun {
 public:
  explicit HubRun(const CpuClocks& server) : server_(server) {}

  int64_t start() const { return start_; }

  void Stop() {
    wall_ = Now() - start_;
    cpu_ = server_.Sum() - cpu_before_;
    own_ = Now(CLOCK_PROCESS_CPUTIME_ID) - own_before_;
  }

  // One line of JSON.
  void Print(uint64_t publications, uint64_t subscribers, const Faults& faults) const {
    std::printf("{\"publications\":%" PRIu64 ",\"deliveries\":%" PRIu64 ",\"cpu_ns\":%" PRId64
                ",\"wall_ns\":%" PRId64 ",\"load_cpu_ns\":%" PRId64 ",\"lost\":%" PRIu64
                ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"damaged\":%" PRIu64 "}\n",
                publications, publications * subscribers, cpu_, wall_, own_, faults.lost,
                faults.duplicated, faults.reordered, faults.damaged);
    std::fflush(stdout);
  }

 private:
  const CpuClocks& server_;
  const int64_t cpu_before_ = server_.Sum();
  const int64_t own_before_ = Now(CLOCK_PROCESS_CPUTIME_ID);
  const int64_t start_ = Now();
  int64_t wall_ = 0;
  int64_t cpu_ = 0;
  int64_t own_ = 0;
};

}  // namespace channel::bench
