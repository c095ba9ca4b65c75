// What bench_swarm measures. Each answers with one line of JSON on standard output.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/swarm.h"

namespace channel::bench {

// One measurement of the messages of a swarm: from the constructor until Print, when all that was
// sent has come or is counted as lost.
class Window {
 public:
  Window(Swarm& swarm, const CpuClocks& servers);

  // Drains, ends the measurement, waits for strays and prints. `more`: further members of the
  // JSON object, or empty.
  void Print(const std::string& more);

 private:
  Swarm& swarm_;
  const CpuClocks& servers_;
  Faults faults_before_;
  uint64_t publications_before_ = 0;
  uint64_t deliveries_before_ = 0;
  uint64_t reads_before_ = 0;
  std::vector<int64_t> servers_before_;
  int64_t own_before_ = 0;
  int64_t start_ = 0;
};

// Closed loop: `senders` members of each group send, each of them its next message when it has its
// own previous one. A message that is lost ends its sender's loop, and is found when the window is
// drained.
void Saturate(Swarm& swarm, const CpuClocks& servers, uint32_t senders, uint32_t bytes, int64_t ns);

// Open loop: so many publications a second in all, evenly spaced, by the senders in turn.
void SendAtRate(Swarm& swarm, const CpuClocks& servers, double per_second, uint32_t senders,
                uint32_t bytes, int64_t ns);

// One message on its way at a time, from session 0 to session 1 and back in turn; needs two
// sessions in one group. Answers with all latencies at the other session.
void MeasureLatency(Swarm& swarm, uint32_t count, int64_t interval_ns, uint32_t bytes);

// For the servers to finish what nobody waits for, so that the next measurement does not pay it:
// until they use hardly any CPU time, at most 3 s.
void AwaitQuiet(Swarm& swarm, const CpuClocks& servers);

// Connects `count` sessions, each of which is upgraded, joins one of `groups` groups and has that
// answered; then closes them, unmeasured, and waits until the servers are quiet.
void MeasureConnects(Swarm& swarm, const CpuClocks& servers, uint32_t count, uint32_t groups,
                     const std::string& prefix);

}  // namespace channel::bench
