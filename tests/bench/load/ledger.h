// Who is in which group, what each member sent, and whether every member got all of it once, in the
// order of each sender, whole.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tests/bench/load/latency_histogram.h"
#include "tests/bench/load/sequence_check.h"
#include "tests/bench/load/swarm_message.h"

namespace channel::bench {

// Sessions are numbered from 0; session i is on port i % ports. Owned by Swarm, used on its one
// thread. No allocation after the constructor.
class Ledger {
 public:
  // Neighbours share a group, so that each group has members on all ports.
  Ledger(uint32_t sessions, uint32_t ports, uint32_t groups);

  uint32_t groups() const { return static_cast<uint32_t>(members_.size()); }
  uint32_t group(uint32_t session) const { return places_[session].group; }
  uint32_t smallest_group() const;
  // `count` members of each group, in turn over the groups; different ranks in different groups, so
  // that the senders, too, are on all ports.
  std::vector<uint32_t> Senders(uint32_t count) const;

  // Writes the next message of `sender`, which then is expected at every member of its group.
  void WriteNext(uint32_t sender, uint32_t bytes, int64_t due, char* to);
  // Those that send probes: the first member on each port.
  std::span<const uint32_t> Probers(uint32_t in_group) const;
  // A probe asks whether all members of a group hear this sender.
  void WriteProbe(uint32_t sender, char* to) const;
  void StartProbe();
  bool probed() const { return probed_ == places_.size(); }
  uint32_t probed_count() const { return probed_; }

  // True if it is a message of the receiver's own.
  bool OnMessage(uint32_t receiver, std::string_view text, int64_t now) {
    SwarmMessage message;
    if (!ReadSwarmMessage(text, message) || message.sender >= places_.size() ||
        places_[message.sender].group != places_[receiver].group) [[unlikely]] {
      ++faults.damaged;
      return false;
    }
    if (message.sequence == 0) [[unlikely]] {
      OnProbe(receiver, message);
      return false;
    }
    if (text.size() != bytes_) ++faults.damaged;
    ++deliveries_;
    checks_[places_[receiver].checks + places_[message.sender].rank].OnMessage(message.sequence,
                                                                               faults);
    const int64_t latency = now - static_cast<int64_t>(message.stamp);
    latencies.Add(latency);
    if (message.sender == receiver) return true;
    latency_to_other = latency;
    return false;
  }

  uint64_t publications() const { return publications_; }
  uint64_t deliveries() const { return deliveries_; }
  bool complete() const { return deliveries_ >= expected_; }
  // Counts what has been sent and has not come as lost.
  void CountMissing();

  Faults faults;
  LatencyHistogram latencies;
  int64_t latency_to_other = 0;  // of the newest message at another member than its sender, ns

 private:
  struct Place {
    uint32_t group = 0;
    uint32_t rank = 0;    // in the group
    uint32_t sent = 0;    // sequence of its newest message
    uint32_t heard = 0;   // of the newest probe: bits of the ranks that it heard
    uint64_t checks = 0;  // its row in checks_
  };

  void OnProbe(uint32_t receiver, const SwarmMessage& message);

  const uint32_t ports_;
  std::vector<Place> places_;
  std::vector<std::vector<uint32_t>> members_;
  std::vector<SequenceCheck> checks_;  // of each receiver, for each member of its group
  uint32_t bytes_ = 0;                 // of every message on its way
  uint32_t probe_ = 0;                 // the newest
  uint32_t probed_ = 0;                // members that heard it from all probers
  uint64_t publications_ = 0;
  uint64_t deliveries_ = 0;
  uint64_t expected_ = 0;
};

}  // namespace channel::bench
