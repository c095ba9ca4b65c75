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
//   join NAME GROUPS PARTS FIRST SET
//       connection i, the (FIRST + i)th of all clients, joins one group of each part of the
//       publisher's set number SET, NAME:GROUPS:PARTS
//   say BYTES GROUP
//       every connection sends one frame of BYTES bytes, a message to GROUP; no frame is completed
//       before each connection has begun its own
//   run PID MESSAGES BYTES WAY MILLISECONDS
//       orders MESSAGES messages of BYTES bytes, waits until every connection has them, and so on
//       for the time given; answers with the CPU time that process PID used meanwhile
//   expect MESSAGES BYTES, then settle
//       the same once, where somebody else orders: `expect` is answered at once, `settle` when
//       every connection has them
// End of input ends the process.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
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

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/load_connection.h"
#include "tests/bench/load/message.h"

namespace channel::bench {
namespace {

constexpr int kEventsMax = 512;
constexpr size_t kScratchBytes = 256 << 10;
constexpr size_t kUpgradesInFlightMax = 256;       // well below a listen backlog of 4096
constexpr int64_t kConnectNs = 60'000'000'000;     // for all connections
constexpr int64_t kJoinNs = 60'000'000'000;        // for all connections
constexpr int64_t kProbeIntervalNs = 200'000'000;  // between probes of a join
// The channel service takes at least so much; what it does not the edge would refuse at last.
constexpr size_t kSayBytesPerPause = 1 << 20;
constexpr useconds_t kSayPauseMicros = 20'000;
constexpr int64_t kTurnNs = 10'000'000'000;  // for one order; what has not come then is lost

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
      GroupSet set;
      command >> set.name >> set.groups >> set.parts >> set.first >> set.way;
      Join(set);
      std::printf("{\"joined\":%" PRIu64 "}\n", totals_.probed);
    } else if (name == "say") {
      size_t bytes = 0;
      std::string group;
      command >> bytes >> group;
      Say(bytes, group);
      std::printf("{\"said\":%zu}\n", connections_.size());
    } else if (name == "run") {
      pid_t pid = 0;
      Order order;
      int64_t milliseconds = 0;
      command >> pid >> order.messages >> order.bytes >> order.way >> milliseconds;
      if (!command || order.messages == 0 || order.bytes < kSequenceBytes ||
          order.bytes > kMessageBytesMax) {
        Die("bad order");
      }
      Run(pid, order, milliseconds * 1'000'000);
    } else if (name == "expect") {
      Order order;
      command >> order.messages >> order.bytes;
      Expect(order);
      std::printf("{\"expected\":%" PRIu64 "}\n", sequence_);
    } else if (name == "settle") {
      const bool complete = Settle();
      std::printf("{\"end_ns\":%" PRId64 ",", Now());
      PrintResult(complete);
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

  // One group, or the groups of a publisher's set that this client's connections are to be in.
  struct GroupSet {
    std::string name;
    size_t groups = 0;  // 0: one, whose name has no number
    size_t parts = 1;
    size_t first = 0;
    uint32_t way = 0;
  };

  // Joins are not acknowledged: the publisher sends a probe to the groups again and again until
  // each connection saw the newest one in each of its groups. As all members of a group see the
  // same order, nothing is on its way after that.
  void Join(const GroupSet& set) {
    const size_t in_part = std::max<size_t>(set.groups / set.parts, 1);
    size_t number = set.first;
    for (LoadConnection& connection : connections_) {
      for (size_t part = 0; part < set.parts; ++part) {
        std::string group = set.name;
        if (set.groups > 0) group += std::to_string(part * in_part + number % in_part);
        if (!connection.SendText(R"({"cmd":"add_group","group_id":")" + group + "\"}")) {
          Die("could not send a join");
        }
      }
      ++number;
      Poll(0);
    }
    totals_.probes = set.parts;
    const int64_t deadline = Now() + kJoinNs;
    do {
      if (Now() > deadline) Die("not every connection receives from its groups");
      totals_.probed = 0;
      totals_.probe = ++probe_;
      Send({.messages = 0, .bytes = probe_, .way = set.way});
      // While probes keep coming, the next one would only make it slower.
      int64_t patience = Now() + kProbeIntervalNs;
      while (totals_.probed < connections_.size() && Now() < std::min(patience, deadline)) {
        if (Poll(20) > 0) patience = Now() + kProbeIntervalNs;
      }
    } while (totals_.probed < connections_.size());
  }

  void Say(size_t bytes, const std::string& group) {
    const std::string head = R"({"cmd":"send_to_group","group_id":")" + group + R"(","message":")";
    if (bytes < std::max<size_t>(head.size() + 2, 126) || bytes > UINT16_MAX) Die("bad length");
    // A mask of zeros leaves the payload as it is.
    std::string frame{'\x81', '\xfe', static_cast<char>(bytes >> 8), static_cast<char>(bytes)};
    frame += std::string(4, '\0') + head + std::string(bytes - head.size() - 2, 'x') + "\"}";
    const std::string_view all = frame;
    for (const std::string_view part :
         {all.substr(0, all.size() / 2), all.substr(all.size() / 2)}) {
      size_t sent = 0;
      for (LoadConnection& connection : connections_) {
        if (!connection.SendAll(part)) Die("could not send a message");
        sent += part.size();
        if (sent < kSayBytesPerPause) continue;
        sent = 0;
        // Nothing is read meanwhile: the answer to a ping would land inside a frame.
        usleep(kSayPauseMicros);
      }
    }
  }

  void Run(pid_t pid, const Order& order, int64_t duration) {
    CpuClocks server;
    if (!server.Add(pid)) Die("no process " + std::to_string(pid));
    const int64_t cpu_before = server.Sum();
    const int64_t own_before = Now(CLOCK_PROCESS_CPUTIME_ID);
    const int64_t start = Now();
    uint64_t turns = 0;
    bool complete = true;
    while (complete && Now() - start < duration) {
      Expect(order);
      Send(order);
      complete = Settle();
      ++turns;
    }
    const int64_t wall = Now() - start;
    const int64_t cpu = server.Sum() - cpu_before;
    const int64_t own = Now(CLOCK_PROCESS_CPUTIME_ID) - own_before;
    Poll(5);  // what comes now is a duplicate
    std::printf("{\"turns\":%" PRIu64 ",\"cpu_ns\":%" PRId64 ",\"wall_ns\":%" PRId64
                ",\"load_cpu_ns\":%" PRId64 ",",
                turns, cpu, wall, own);
    PrintResult(complete);
  }

  // What came since the last result, as the end of a JSON object.
  void PrintResult(bool complete) {
    const Faults& before = before_.faults;
    const Faults& after = totals_.faults;
    std::printf(
        "\"complete\":%s,\"deliveries\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"duplicated\":%" PRIu64
        ",\"reordered\":%" PRIu64 ",\"damaged\":%" PRIu64 ",\"closed\":%" PRIu64 "}\n",
        complete ? "true" : "false", totals_.messages - before_.messages, after.lost - before.lost,
        after.duplicated - before.duplicated, after.reordered - before.reordered,
        after.damaged - before.damaged, after.closed - before.closed);
    before_ = totals_;
  }

  void Send(const Order& order) {
    if (write(orders_fd_, &order, sizeof order) != sizeof order) Die("the sender is gone");
  }

  void Expect(const Order& order) {
    sequence_ += order.messages;
    totals_.message_bytes = order.bytes;
    totals_.goal = sequence_ + 1;
    totals_.done = 0;
  }

  // Until everybody has everything. False if that took too long.
  bool Settle() {
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

  // Waits for events once, and handles them; returns how many.
  int Poll(int milliseconds) {
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
    return count;
  }

  const uint16_t port_;
  const int orders_fd_;
  const uint32_t sources_;
  const int epoll_;
  std::deque<LoadConnection> connections_;  // stable addresses
  LoadConnection::Totals totals_;
  LoadConnection::Totals before_;  // in the last result
  uint64_t sequence_ = 0;          // the last message ordered
  // Probes of clients that share a publisher differ.
  uint32_t probe_ = static_cast<uint32_t>(getpid()) << 12;
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
