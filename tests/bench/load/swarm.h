// The sessions of bench_swarm: connects them, puts them into groups, and carries their messages.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/load/ledger.h"
#include "tests/bench/load/swarm_session.h"

namespace channel::bench {

// Says why on standard error and ends the process with 1.
[[noreturn]] void Die(const std::string& why);

// One thread. A load that cannot be measured (a refused connection, a wait that took too long) ends
// the process with its reason; what a server does wrong with messages is counted in
// ledger().faults.
class Swarm {
 public:
  Swarm(Dialect dialect, std::vector<uint16_t> ports);

  // Connects until `count` sessions are held and greeted. Session i is on port i % ports.
  void Connect(uint32_t count);
  // All of them, into `groups` groups, and waits until each member hears its group from all ports.
  void Join(uint32_t groups, const std::string& prefix);
  // Connects `count` sessions, each of which then joins one of `groups` groups and has that
  // answered. There must be none before.
  void ConnectAndJoin(uint32_t count, uint32_t groups, const std::string& prefix);
  // Closes all sessions, and forgets groups and messages.
  void CloseAll();

  Ledger& ledger() { return *ledger_; }
  uint32_t sessions() const { return static_cast<uint32_t>(sessions_.size()); }
  bool joined() const { return ledger_ != nullptr; }

  // `due`: when it should leave; the latency is counted from then.
  void Publish(uint32_t session, uint32_t bytes, int64_t due);
  // While it is not 0, every session that gets a message of its own sends the next one, of so many
  // bytes.
  void set_echo_bytes(uint32_t bytes) { echo_bytes_ = bytes; }

  // Waits for events, at most so long, and handles them. `ns` < 0: without end.
  void Poll(int64_t ns);
  // Handles events until all messages have come, or 5 s have passed: then the rest is lost. False
  // if anything is lost.
  bool Drain();
  // A moment in which nothing should come; what does is a duplicate.
  void AwaitStrays();
  // False after the first session that broke.
  bool healthy() const { return shared_.broken == 0; }
  const std::string& why_broken() const { return shared_.why_broken; }
  uint64_t broken() const { return shared_.broken; }
  uint64_t reads() const { return shared_.reads; }

  // The next line of standard input; the process ends with it. Sessions are served meanwhile.
  std::string NextCommand();

 private:
  void Watch(int fd, uint32_t data, uint32_t events);
  void StartSession();
  void OnEvents(uint32_t session, unsigned events);
  void SendJoin(uint32_t session, const std::string& group);
  void SendProbes();
  void NameGroups(uint32_t groups, const std::string& prefix);

  const std::vector<uint16_t> ports_;
  const int epoll_;
  SwarmShared shared_;
  std::deque<SwarmSession> sessions_;
  std::vector<std::string> names_;  // of the groups
  std::unique_ptr<Ledger> ledger_;
  uint64_t started_ = 0;         // sessions, ever: they take turns with source addresses
  uint32_t opened_ = 0;          // of sessions_
  uint32_t answered_ = 0;        // of sessions_
  bool join_when_open_ = false;  // and ask
  uint32_t echo_bytes_ = 0;
  std::string input_;
  std::vector<epoll_event> ready_;
};

}  // namespace channel::bench
