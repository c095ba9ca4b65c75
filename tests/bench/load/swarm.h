// The sessions of bench_swarm: Swarm connects them, speaks for them, and waits for what comes.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/message.h"
#include "tests/bench/load/session.h"

namespace channel::bench {

// One thread. A load that cannot be measured (a refused connection, a wait that took too long) ends
// the process with its reason; the receiver counts what a server does wrong with messages.
class Swarm {
 public:
  Swarm(const Words& words, std::vector<uint16_t> ports);

  // Connects until `count` sessions are held and greeted. Session i is on port i % ports.
  void Connect(uint32_t count);
  // Closes all sessions, and waits at most 3 s until the servers use hardly any CPU time: until
  // they have finished what nobody waits for, so that the next measurement does not pay it.
  void CloseAll(const CpuClocks& servers);
  // Connects `count` sessions, each of which is upgraded, joins one of `groups` groups and has that
  // answered; then closes them, unmeasured. There must be none before.
  boost::json::object MeasureConnects(const CpuClocks& servers, uint32_t count, uint32_t groups);

  uint32_t sessions() const { return static_cast<uint32_t>(sessions_.size()); }
  uint32_t ports() const { return static_cast<uint32_t>(ports_.size()); }
  void set_receiver(Receiver* receiver) { context_.receiver = receiver; }

  void Join(uint32_t session, const std::string& group);
  void Publish(uint32_t session, const std::string& group, const Message& message, uint32_t bytes);
  void SendAll(uint32_t session, std::string_view bytes) { sessions_[session].SendAll(bytes); }

  // Waits for events, at most so long, and handles them; returns how many. `ns` < 0: without end.
  int Poll(int64_t ns);
  // A moment in which nothing should come; what does is a duplicate.
  void AwaitStrays();
  // False after the first session that broke.
  bool healthy() const { return context_.broken == 0; }
  uint64_t broken() const { return context_.broken; }

  // The next line of standard input; the process ends with it. Sessions are served meanwhile.
  std::string NextCommand();

 private:
  void Watch(int fd, uint32_t data, uint32_t events);
  void StartSession();
  void AwaitQuiet(const CpuClocks& servers);
  void ConnectUntil(uint32_t count, const uint32_t& done);

  const std::vector<uint16_t> ports_;
  const int epoll_;
  SessionContext context_;
  std::deque<Session> sessions_;
  std::vector<std::string> join_when_open_;  // one of these groups; then ask
  uint64_t started_ = 0;  // sessions, ever: they take turns with source addresses
  std::string input_;
  std::vector<epoll_event> ready_;
};

}  // namespace channel::bench
