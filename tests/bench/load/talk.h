// Sessions that talk: which group each is in, what each member sent, and whether every member got
// all of it once, in the order of each sender, whole.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/load/account.h"
#include "tests/bench/load/latency_histogram.h"

namespace channel::bench {

// No allocation after the constructor.
class Talk final : public Account {
 public:
  // Puts all sessions into `groups` groups, and waits until each member hears its group from all
  // ports. Neighbours share a group, so that each group has members on all ports.
  Talk(Swarm& swarm, uint32_t groups);

  // Closed loop: `senders` members of each group send, each of them its next message when it has
  // its own previous one. A message that is lost ends its sender's loop, and is found at the end.
  boost::json::object Saturate(const CpuClocks& servers, uint32_t senders, uint32_t bytes,
                               int64_t ns);

  // Open loop: so many publications a second in all, evenly spaced, by the senders in turn.
  boost::json::object SendAtRate(const CpuClocks& servers, double per_second, uint32_t senders,
                                 uint32_t bytes, int64_t ns);

  // One message on its way at a time, from session 0 to session 1 and back in turn; needs two
  // sessions in one group. All latencies at the other session are in the result.
  boost::json::object MeasureLatency(uint32_t count, int64_t interval_ns, uint32_t bytes);

 private:
  // `count` members of each group, in turn over the groups; different ranks in different groups, so
  // that the senders, too, are on all ports. Ends the process if there are not so many.
  std::vector<uint32_t> Senders(uint32_t count) const;

  // Sends the next message of `session`, which then is expected at every member of its group.
  // `due`: when it should leave; the latency is counted from then.
  void Publish(uint32_t session, uint32_t bytes, int64_t due);
  boost::json::object FinishTalk(CostMeter& meter);

  struct Place {
    uint32_t group = 0;
    uint32_t rank = 0;  // in the group
    uint32_t sent = 0;  // sequence of its newest message
    Heard heard;
    uint64_t checks = 0;  // its row in checks_
  };

  void OnMessage(uint32_t receiver, std::string_view text, int64_t now) override;
  // The members that send probes: the first on each port.
  std::span<const uint32_t> Probers(uint32_t group) const;
  void CountMissing() override;

  std::vector<std::string> names_;  // of the groups
  std::vector<Place> places_;       // of the sessions
  std::vector<std::vector<uint32_t>> members_;
  std::vector<SequenceCheck> checks_;  // of each receiver, for each member of its group
  uint32_t bytes_ = 0;                 // of every message on its way
  // While it is not 0, every session that gets a message of its own sends the next one, of so many
  // bytes.
  uint32_t echo_bytes_ = 0;
  LatencyHistogram latencies_;
  int64_t latency_to_other_ = 0;  // of the newest message at another member than its sender, ns
};

}  // namespace channel::bench
