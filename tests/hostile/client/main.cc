// Attacks an edge; one thread, epoll, and no pacing of its own. What it got is one line of JSON.
//
//   hostile_client ATTACK PORT SECONDS
//   hostile_client --list
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "tests/hostile/client/attacks.h"
#include "tests/hostile/client/connection.h"
#include "tests/hostile/client/tally.h"

namespace hostile {
namespace {

using support::Clock;
using support::Deadline;

constexpr int kEventsMax = 256;
// A stranger that is refused comes again at once, but not more often.
constexpr support::Duration kRefusedWait{10};

class Attacker {
 public:
  Attacker(const Attack& attack, std::uint16_t port)
      : attack_(attack), port_(port), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    connections_.resize(attack.connections);
    for (std::size_t i = attack.connections; i > 0; --i) missing_.push_back(i - 1);
  }
  ~Attacker() { ::close(epoll_); }
  Attacker(const Attacker&) = delete;
  Attacker& operator=(const Attacker&) = delete;

  Tally Run(Deadline deadline) {
    std::array<epoll_event, kEventsMax> events{};
    while (Clock::now() < deadline) {
      ConnectMissing();
      const int wait = std::min(support::MillisecondsLeft(deadline), missing_.empty() ? 100 : 0);
      const int count = ::epoll_wait(epoll_, events.data(), kEventsMax, wait);
      for (int i = 0; i < count; ++i) Handle(events[static_cast<std::size_t>(i)]);
    }
    HearLastWords();
    return tally_;
  }

 private:
  // A few in each turn, so that those that are there go on.
  void ConnectMissing() {
    constexpr int kConnectsPerTurn = 16;
    for (int i = 0; i < kConnectsPerTurn && !missing_.empty() && Clock::now() >= connect_at_; ++i) {
      const std::size_t number = missing_.back();
      try {
        connections_[number] = std::make_unique<Connection>(attack_, port_, number, tally_, next_);
      } catch (const support::TestFailure&) {
        ++tally_.not_accepted;
        connect_at_ = Clock::now() + kRefusedWait;
        return;
      }
      missing_.pop_back();
      Watch(EPOLL_CTL_ADD, number);
    }
  }

  void Watch(int operation, std::size_t number) {
    epoll_event event{};
    event.events = connections_[number]->events();
    event.data.u64 = number;
    ::epoll_ctl(epoll_, operation, connections_[number]->descriptor(), &event);
  }

  void Handle(const epoll_event& event) {
    const std::size_t number = event.data.u64;
    Connection& connection = *connections_[number];
    const std::uint32_t before = connection.events();
    bool goes_on = true;
    if (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) goes_on = connection.OnReadable();
    if (goes_on && (event.events & EPOLLOUT)) goes_on = connection.OnWritable();
    if (!goes_on) return End(number);
    if (connection.events() != before) Watch(EPOLL_CTL_MOD, number);
  }

  void End(std::size_t number) {
    connections_[number]->Reset();
    connections_[number].reset();
    missing_.push_back(number);
  }

  // Connections that did not read may have been closed.
  void HearLastWords() {
    if (attack_.reads) return;
    for (const auto& connection : connections_) {
      while (connection != nullptr && connection->HasInput()) {
        if (!connection->OnReadable()) break;
      }
    }
  }

  const Attack& attack_;
  const std::uint16_t port_;
  const int epoll_;
  Tally tally_;
  std::uint64_t next_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::size_t> missing_;  // numbers without a connection
  Deadline connect_at_{};
};

void AllowDescriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace hostile

int main(int argc, char** argv) {
  using namespace hostile;  // NOLINT: main is nothing but these calls
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const Attack& attack : Attacks()) std::puts(attack.name);
    return 0;
  }
  const std::string name = argc == 4 ? argv[1] : "";
  const auto attack = std::ranges::find(Attacks(), name, &Attack::name);
  if (attack == Attacks().end()) {
    std::fprintf(stderr, "usage: hostile_client ATTACK PORT SECONDS | --list\n");
    return 64;
  }
  AllowDescriptors();
  const auto seconds = std::chrono::duration<double>(std::atof(argv[3]));
  const auto deadline =
      support::Clock::now() + std::chrono::duration_cast<support::Duration>(seconds);
  const Tally tally =
      Attacker(*attack, static_cast<std::uint16_t>(std::atoi(argv[2]))).Run(deadline);
  std::puts(boost::json::serialize(tally.ToJson()).c_str());
  return 0;
}
