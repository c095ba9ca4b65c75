// The WebSocket client of the bench: sessions that send and receive, or only receive, in the
// dialect of the system. One thread, epoll, no allocation per message. Every receiver checks every
// message: lost, duplicated, reordered, damaged.
//
//   bench_swarm channel|socketio|nats|raw PORT[,PORT…] [ORDERS_FD]
//
// Commands come on standard input, one a line, and are answered with one line of JSON each. PIDS:
// server processes, with commas, whose CPU time is summed up. BYTES: of a message, at least 32.
//   connect COUNT
//       until COUNT sessions are held; session i is on port i % ports
//   close PIDS
//       all sessions, and waits until the servers are quiet
//   connects PIDS COUNT GROUPS
//       COUNT times connect, upgrade, join, an answer; then closes them
// Sessions that talk (see talk.h):
//   join GROUPS
//       all of them, neighbours together; until all members hear each other
//   saturate PIDS SENDERS BYTES MS
//   rate PIDS PER_SECOND SENDERS BYTES MS
//   latency COUNT INTERVAL_US BYTES
// Sessions that only receive (see fan_out.h); orders to the sender go to ORDERS_FD:
//   follow NAME GROUPS PARTS FIRST SET
//       session i, the (FIRST + i)th of all clients, joins one group of each part of the
//       publisher's set number SET, NAME:GROUPS:PARTS; with GROUPS 0, all join the group NAME
//   say BYTES GROUP
//   run PIDS MESSAGES BYTES WAY MS
//   expect MESSAGES BYTES, then settle
// End of input ends the process.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/dialect.h"
#include "tests/bench/load/fan_out.h"
#include "tests/bench/load/swarm.h"
#include "tests/bench/load/talk.h"
#include "tests/support/deadline.h"

namespace channel::bench {
namespace {

// The words of a command; ends the process if one is missing.
class Arguments {
 public:
  explicit Arguments(const std::string& line) : line_(line), words_(line) {}

  template <typename Value>
  Value Next() {
    Value value{};
    if (!(words_ >> value)) Die("bad command: " + line_);
    return value;
  }
  std::string Text() { return Next<std::string>(); }
  uint32_t Number() { return Next<uint32_t>(); }
  CpuClocks Servers() { return CpuClocks(Text()); }
  int64_t Milliseconds() { return Number() * kMillisecond; }

 private:
  const std::string line_;
  std::istringstream words_;
};

class Commands {
 public:
  Commands(const Words& words, std::vector<uint16_t> ports, int orders_fd)
      : swarm_(words, std::move(ports)) {
    if (orders_fd >= 0) fan_out_ = std::make_unique<FanOut>(swarm_, orders_fd);
  }

  // Serves until the end of input.
  [[noreturn]] void Serve() {
    for (;;) {
      Arguments arguments(swarm_.NextCommand());
      const std::string name = arguments.Text();
      PrintLine(Execute(name, arguments));
    }
  }

 private:
  boost::json::object Execute(const std::string& name, Arguments& arguments) {
    if (name == "connect") {
      swarm_.Connect(arguments.Number());
    } else if (name == "close") {
      talk_.reset();
      swarm_.CloseAll(arguments.Servers());
    } else if (name == "connects") {
      const CpuClocks servers = arguments.Servers();
      const uint32_t count = arguments.Number();
      return swarm_.MeasureConnects(servers, count, arguments.Number());
    } else if (name == "join") {
      talk_ = std::make_unique<Talk>(swarm_, arguments.Number());
    } else if (fan_out_) {
      return OfFanOut(name, arguments);
    } else if (talk_) {
      return OfTalk(name, arguments);
    } else {
      Die(name + ": the sessions are in no groups");
    }
    return {};
  }

  boost::json::object OfTalk(const std::string& name, Arguments& arguments) {
    if (name == "latency") {
      const uint32_t count = arguments.Number();
      const int64_t interval = arguments.Number() * int64_t{1000};
      return talk_->MeasureLatency(count, interval, arguments.Number());
    }
    if (name != "saturate" && name != "rate") Die("unknown command " + name);
    const CpuClocks servers = arguments.Servers();
    const double rate = name == "rate" ? arguments.Next<double>() : 0;
    const uint32_t senders = arguments.Number();
    const uint32_t bytes = arguments.Number();
    const int64_t time = arguments.Milliseconds();
    return name == "rate" ? talk_->SendAtRate(servers, rate, senders, bytes, time)
                          : talk_->Saturate(servers, senders, bytes, time);
  }

  boost::json::object OfFanOut(const std::string& name, Arguments& arguments) {
    Order order;
    if (name == "follow") {
      FanOut::GroupSet set{.name = arguments.Text()};
      for (uint32_t* number : {&set.groups, &set.parts, &set.first, &set.way}) {
        *number = arguments.Number();
      }
      fan_out_->Join(set);
    } else if (name == "say") {
      const uint32_t bytes = arguments.Number();
      fan_out_->Say(bytes, arguments.Text());
    } else if (name == "run") {
      const CpuClocks servers = arguments.Servers();
      for (uint32_t* number : {&order.messages, &order.bytes, &order.way}) {
        *number = arguments.Number();
      }
      return fan_out_->Run(servers, order, arguments.Milliseconds());
    } else if (name == "expect") {
      order.messages = arguments.Number();
      order.bytes = arguments.Number();
      fan_out_->Expect(order);
    } else if (name == "settle") {
      return fan_out_->Settle();
    } else {
      Die("unknown command " + name);
    }
    return {};
  }

  Swarm swarm_;
  std::unique_ptr<Talk> talk_;
  std::unique_ptr<FanOut> fan_out_;
};

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  using namespace channel::bench;  // NOLINT: main is nothing but these calls
  const std::string name = argc > 2 ? argv[1] : "";
  const auto* const words = std::ranges::find(kDialects, name, &Words::name);
  std::vector<uint16_t> ports;
  for (const int port : NumbersIn(argc > 2 ? argv[2] : "")) {
    ports.push_back(static_cast<uint16_t>(port));
  }
  if (words == kDialects.end() || ports.empty()) {
    std::fprintf(stderr,
                 "usage: bench_swarm channel|socketio|nats|raw PORT[,PORT...] [ORDERS_FD]\n");
    return 64;
  }
  try {
    Commands(*words, std::move(ports), argc > 3 ? std::atoi(argv[3]) : -1).Serve();
  } catch (const support::TestFailure& failure) {  // of a connection
    Die(failure.what());
  }
}
