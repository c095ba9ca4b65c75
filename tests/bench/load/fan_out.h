// Sessions that only receive: somebody else publishes when it is told to. The same in front of the
// edge and of the raw server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/account.h"
#include "tests/bench/load/message.h"

namespace channel::bench {

// Each ordered message goes to every session, so all see the numbers 1, 2, 3 …; a session that
// connects later sees the numbers from then on.
class FanOut final : public Account {
 public:
  // One group, or the groups of a publisher's set that this client's sessions are to be in.
  struct GroupSet {
    std::string name;
    uint32_t groups = 0;  // 0: one, whose name has no number
    uint32_t parts = 1;
    uint32_t first = 0;
    uint32_t way = 0;
  };

  // `orders_fd`: where orders to the sender go (see message.h).
  FanOut(Swarm& swarm, int orders_fd) : Account(swarm), orders_fd_(orders_fd) {}

  // All sessions, and waits until all receive from their groups.
  void Join(const GroupSet& set);

  // Every session sends one frame of so many bytes, a message to `group`; no frame is completed
  // before each session has begun its own.
  void Say(uint32_t bytes, const std::string& group);

  // Orders, waits until every session has everything, and so on for the time given.
  boost::json::object Run(const CpuClocks& servers, const Order& order, int64_t ns);

  // The same once, where somebody else orders: Expect, then Settle.
  void Expect(const Order& order);
  boost::json::object Settle();

 private:
  struct Progress {
    explicit Progress(uint64_t first) : check(first) {}
    SequenceCheck check;
    Heard heard;
  };

  void Send(const Order& order);
  void OnMessage(uint32_t session, std::string_view text, int64_t now) override;
  void CountMissing() override;

  const int orders_fd_;
  std::vector<Progress> progress_;  // of the sessions
  uint32_t bytes_ = 0;              // of each message on its way
  uint32_t sequence_ = 0;           // the last message ordered
  uint32_t memberships_ = 0;        // of each session: so often it should see a probe
};

}  // namespace channel::bench
