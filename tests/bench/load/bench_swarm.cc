// The load client of whole systems: WebSocket sessions that both send and receive, in the dialect
// of the system. One thread, epoll, no allocation per message. Every receiver checks each sender's
// messages: lost, duplicated, reordered, damaged.
//
//   bench_swarm channel|socketio|nats|raw PORT[,PORT…]
//
// Commands come on standard input, one a line, and are answered with one line of JSON each. PIDS:
// server processes, with commas, whose CPU time is summed up. BYTES: of a message, at least 32.
//   connect COUNT
//       until COUNT sessions are held; session i is on port i % ports
//   join GROUPS [PREFIX]
//       all of them, neighbours together; until all members hear each other
//   saturate PIDS SENDERS BYTES MS
//       closed loop of SENDERS members of each group
//   rate PIDS PER_SECOND SENDERS BYTES MS
//       open loop, PER_SECOND publications in all
//   latency COUNT INTERVAL_US BYTES
//       two sessions, one message on its way at a time
//   connects PIDS COUNT GROUPS [PREFIX]
//       COUNT times connect, upgrade, join, an answer; then closes them
//   close PIDS
//       all sessions, and waits until the servers are quiet
// End of input ends the process.
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/dialect.h"
#include "tests/bench/load/swarm.h"
#include "tests/bench/load/swarm_measure.h"

namespace channel::bench {
namespace {

constexpr int64_t kMillisecond = 1'000'000;

std::vector<int> NumbersIn(const std::string& text) {
  std::vector<int> numbers;
  std::istringstream stream(text);
  for (std::string number; std::getline(stream, number, ',');) {
    numbers.push_back(std::atoi(number.c_str()));
  }
  return numbers;
}

CpuClocks Servers(const std::string& pids) {
  CpuClocks servers;
  for (const int pid : NumbersIn(pids)) {
    if (!servers.Add(pid)) Die("no process " + std::to_string(pid));
  }
  return servers;
}

void Execute(Swarm& swarm, const std::string& line) {
  std::istringstream command(line);
  std::string name;
  std::string pids;
  std::string prefix = "g";
  uint32_t count = 0;
  uint32_t groups = 0;
  uint32_t senders = 0;
  uint32_t bytes = 0;
  double rate = 0;
  int64_t time = 0;
  command >> name;
  if (name == "connect" && command >> count) {
    swarm.Connect(count);
    std::printf("{\"connections\":%u}\n", swarm.sessions());
  } else if (name == "join" && command >> groups) {
    command >> prefix;
    swarm.Join(groups, prefix);
    std::printf("{\"groups\":%u}\n", groups);
  } else if (name == "saturate" && command >> pids >> senders >> bytes >> time) {
    Saturate(swarm, Servers(pids), senders, bytes, time * kMillisecond);
  } else if (name == "rate" && command >> pids >> rate >> senders >> bytes >> time) {
    SendAtRate(swarm, Servers(pids), rate, senders, bytes, time * kMillisecond);
  } else if (name == "latency" && command >> count >> time >> bytes) {
    MeasureLatency(swarm, count, time * 1000, bytes);
  } else if (name == "connects" && command >> pids >> count >> groups) {
    command >> prefix;
    MeasureConnects(swarm, Servers(pids), count, groups, prefix);
  } else if (name == "close" && command >> pids) {
    swarm.CloseAll();
    AwaitQuiet(swarm, Servers(pids));
    std::printf("{\"connections\":0}\n");
  } else {
    Die("bad command: " + line);
  }
}

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  using namespace channel::bench;  // NOLINT: main is nothing but these calls
  const auto dialect = argc == 3 ? DialectNamed(argv[1]) : std::nullopt;
  std::vector<uint16_t> ports;
  for (const int port : argc == 3 ? NumbersIn(argv[2]) : std::vector<int>()) {
    ports.push_back(static_cast<uint16_t>(port));
  }
  if (!dialect || ports.empty()) {
    std::fprintf(stderr, "usage: bench_swarm channel|socketio|nats|raw PORT[,PORT...]\n");
    return 64;
  }
  Swarm swarm(*dialect, std::move(ports));
  for (;;) {
    Execute(swarm, swarm.NextCommand());
    std::fflush(stdout);
  }
}
