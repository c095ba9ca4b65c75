// The load client: holds WebSocket connections, counts and checks what comes, and reads the CPU
// time of the server while it orders messages. One thread, epoll. The same program faces the edge
// and the raw sender.
//
//   bench_load PORT ORDERS_FD [SOURCES]
//
// ORDERS_FD: where orders to the sender go (see message.h). SOURCES: source addresses 127.0.0.1 …
// to use. Commands come on standard input, one a line, and are answered with one line of JSON each:
//   connect COUNT                    until COUNT connections are held in all
//   join GROUP                       all of them, and waits until all receive from it
//   run PID MESSAGES BYTES TOGETHER MILLISECONDS
//       orders MESSAGES messages of BYTES bytes, waits until every connection has them, and so on
//       for the time given; answers with the CPU time that process PID used meanwhile
// End of input ends the process.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <sstream>
#include <string>
#include <vector>

#include "tests/bench/load_connection.h"
#include "tests/bench/message.h"

namespace channel::bench {
namespace {

constexpr int kEventsMax = 512;
constexpr size_t kScratchBytes = 256 * 1024;
constexpr size_t kUpgradesInFlightMax = 256;       // well below a listen backlog of 4096
constexpr int64_t kConnectNs = 60'000'000'000;     // for all connections
constexpr int64_t kJoinNs = 30'000'000'000;        // for all connections
constexpr int64_t kProbeIntervalNs = 200'000'000;  // between probes of a join
constexpr int64_t kTurnNs = 5'000'000'000;         // for one order; what has not come then is lost

int64_t Now(clockid_t clock = CLOCK_MONOTONIC) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "bench_load: %s\n", why.c_str());
  std::exit(1);
}

class Load {
 public:
  Load(uint16_t port, int orders_fd, uint32_t sources)
      : port_(port),
        orders_fd_(orders_fd),
        sources_(sources),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    Watch(STDIN_FILENO, nullptr);
  }

  // Until the end of input.
  void Serve() {
    for (;;) {
      const size_t end = input_.find('\n');
      if (end == std::string::npos) {
        Poll(-1);
        continue;
      }
      std::istringstream command(input_.substr(0, end));
      input_.erase(0, end + 1);
      Execute(command);
      std::fflush(stdout);
    }
  }

 private:
  void Execute(std::istringstream& command) {
    std::string name;
    command >> name;
    if (name == "connect") {
      size_t count = 0;
      command >> count;
      Connect(count);
      std::printf("{\"connections\":%zu}\n", connections_.size());
    } else if (name == "join") {
      std::string group;
      command >> group;
      Join(group);
      std::printf("{\"probes\":%" PRIu64 "}\n", totals_.probe);
    } else if (name == "run") {
      pid_t pid = 0;
      Order order;
      int64_t milliseconds = 0;
      command >> pid >> order.messages >> order.bytes >> order.together >> milliseconds;
      if (!command || order.messages == 0 || order.bytes < kSequenceBytes ||
          order.bytes > kMessageBytesMax) {
        Die("bad order");
      }
      Run(pid, order, milliseconds * 1'000'000);
    } else {
      Die("unknown command " + name);
    }
  }

  void Connect(size_t count) {
    const int64_t deadline = Now() + kConnectNs;
    while (totals_.upgraded < count) {
      if (Now() > deadline) Die("connecting took too long");
      if (totals_.faults.closed > 0) Die("a connection was refused or closed");
      if (connections_.size() < count &&
          connections_.size() - totals_.upgraded < kUpgradesInFlightMax) {
        const uint32_t source =
            INADDR_LOOPBACK + static_cast<uint32_t>(connections_.size()) % sources_;
        const int fd = connections_.emplace_back(totals_, sequence_ + 1).Start(source, port_);
        if (fd < 0) Die(std::string("connect: ") + std::strerror(errno));
        Watch(fd, &connections_.back());
        Poll(0);
      } else {
        Poll(100);
      }
    }
  }

  // Joins are not acknowledged: a probe is sent to the group again and again until all see the
  // newest one. As all members see the same order, nothing is on its way after that.
  void Join(const std::string& group) {
    for (LoadConnection& connection : connections_) {
      if (!connection.SendText(R"({"cmd":"add_group","group_id":")" + group + "\"}")) {
        Die("could not send a join");
      }
    }
    const int64_t deadline = Now() + kJoinNs;
    while (totals_.probed < connections_.size()) {
      if (Now() > deadline) Die("not every connection receives from the group");
      totals_.probed = 0;
      ++totals_.probe;
      if (!connections_.front().SendText(R"({"cmd":"send_to_group","group_id":")" + group +
                                         R"(","message":"probe )" + std::to_string(totals_.probe) +
                                         "\"}")) {
        Die("could not send a probe");
      }
      // While connections keep receiving the probe, the next one would only make it slower.
      uint64_t seen = 0;
      int64_t patience = Now() + kProbeIntervalNs;
      while (totals_.probed < connections_.size() && Now() < patience) {
        Poll(20);
        if (totals_.probed != seen) patience = Now() + kProbeIntervalNs;
        seen = totals_.probed;
      }
    }
  }

  void Run(pid_t pid, const Order& order, int64_t duration) {
    clockid_t server_cpu{};
    if (clock_getcpuclockid(pid, &server_cpu) != 0) Die("no process " + std::to_string(pid));
    const Faults before = totals_.faults;
    const uint64_t messages_before = totals_.messages;
    const int64_t cpu_before = Now(server_cpu);
    const int64_t own_before = Now(CLOCK_PROCESS_CPUTIME_ID);
    const int64_t start = Now();
    uint64_t turns = 0;
    bool complete = true;
    while (complete && Now() - start < duration) {
      complete = Turn(order);
      ++turns;
    }
    const int64_t wall = Now() - start;
    const int64_t cpu = Now(server_cpu) - cpu_before;
    const int64_t own = Now(CLOCK_PROCESS_CPUTIME_ID) - own_before;
    Poll(5);  // what comes now is a duplicate
    const Faults& after = totals_.faults;
    std::printf("{\"complete\":%s,\"turns\":%" PRIu64 ",\"deliveries\":%" PRIu64
                ",\"cpu_ns\":%" PRId64 ",\"wall_ns\":%" PRId64 ",\"load_cpu_ns\":%" PRId64
                ",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64
                ",\"damaged\":%" PRIu64 ",\"closed\":%" PRIu64 "}\n",
                complete ? "true" : "false", turns, totals_.messages - messages_before, cpu, wall,
                own, after.lost - before.lost, after.duplicated - before.duplicated,
                after.reordered - before.reordered, after.damaged - before.damaged,
                after.closed - before.closed);
  }

  // One order, until everybody has everything. False if that took too long.
  bool Turn(const Order& order) {
    sequence_ += order.messages;
    totals_.goal = sequence_ + 1;
    totals_.done = 0;
    if (write(orders_fd_, &order, sizeof order) != sizeof order) Die("the sender is gone");
    const int64_t deadline = Now() + kTurnNs;
    while (totals_.done < connections_.size()) {
      Poll(100);
      if (Now() > deadline) {
        totals_.faults.lost += connections_.size() - totals_.done;  // at least
        return false;
      }
    }
    return true;
  }

  void Watch(int fd, LoadConnection* connection) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connection;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
  }

  // Waits for events once, and handles them.
  void Poll(int milliseconds) {
    const int count = epoll_wait(epoll_, events_, kEventsMax, milliseconds);
    for (int i = 0; i < count; ++i) {
      if (auto* connection = static_cast<LoadConnection*>(events_[i].data.ptr)) {
        connection->OnReadable(scratch_.data(), scratch_.size());
      } else {
        const ssize_t got = read(STDIN_FILENO, scratch_.data(), scratch_.size());
        if (got <= 0) std::exit(0);
        input_.append(scratch_.data(), static_cast<size_t>(got));
      }
    }
  }

  const uint16_t port_;
  const int orders_fd_;
  const uint32_t sources_;
  const int epoll_;
  std::deque<LoadConnection> connections_;  // stable addresses
  LoadConnection::Totals totals_;
  uint64_t sequence_ = 0;  // the last message ordered
  std::string input_;
  std::vector<char> scratch_ = std::vector<char>(kScratchBytes);
  epoll_event events_[kEventsMax] = {};
};

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: bench_load PORT ORDERS_FD [SOURCES]\n");
    return 64;
  }
  const int sources = argc > 3 ? std::max(1, std::atoi(argv[3])) : 1;
  channel::bench::Load load(static_cast<uint16_t>(std::atoi(argv[1])), std::atoi(argv[2]),
                            static_cast<uint32_t>(sources));
  load.Serve();
}
