// An engine for nodes that share one log, without NATS. It does what attached_group.cc and
// log_read.cc of engine/jetstream do: **a change of what those say of heads, gaps and previous
// offsets is made here, too**. It differs from the memory engine: each node follows the log at its
// own pace, the log outlives the nodes, and what was dropped leaves no trace: a gap ends at the
// oldest publication that is held, and a position is asked about whether something is missing after
// it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "channel_service/base/clock.h"
#include "channel_service/engine/dedup_table.h"
#include "channel_service/engine/engine.h"
#include "channel_service/limits.h"

namespace fuzz {

// The log; drops what is too old, too much of a group, or too much in all.
class SimSharedLog {
 public:
  struct Stored {
    uint64_t offset;
    channel::SteadyTime stored_at;
    std::string content;  // wire/record.h
  };
  using Entries = std::deque<Stored>;  // oldest first

  SimSharedLog(const channel::ServiceLimits& limits, const channel::Clock& clock)
      : limits_(limits), clock_(clock), dedup_(limits.dedup_window, limits.dedup_bytes_max) {}

  const std::string& epoch() const { return epoch_; }
  channel::PublishOutcome Publish(const channel::PublishInput& input);
  void OnTick();

  std::chrono::milliseconds dedup_window() const { return dedup_.window(clock_.Now()); }
  uint64_t newest() const { return newest_; }
  // The oldest of any group, or what comes next.
  uint64_t oldest_held() const { return held_.empty() ? newest_ + 1 : held_.front().first; }
  // The publications of the group that are held …
  const Entries& Held(const std::string& group) const;
  // … and all that there ever were, which are brought to nodes.
  const Entries& Ever(const std::string& group) const;
  bool IsFull(const std::string& group) const {
    return Held(group).size() >= limits_.history_publications_max;
  }

 private:
  void DropOldestOf(const std::string& group);

  const channel::ServiceLimits& limits_;
  const channel::Clock& clock_;
  const std::string epoch_ = "sharedlog";
  channel::DedupTable dedup_;
  uint64_t newest_ = 0;
  size_t held_bytes_ = 0;
  std::deque<std::pair<uint64_t, std::string>> held_;  // offset and group of each, oldest first
  std::map<std::string, Entries> held_by_group_;
  std::map<std::string, Entries> ever_by_group_;
};

// One node's.
class SimLogEngine final : public channel::Engine {
 public:
  SimLogEngine(SimSharedLog& log, const channel::Clock& clock) : log_(log), clock_(clock) {}

  // The log's next publication of some group comes to this node; false if it has them all.
  bool CarryOne();
  // The same, but what the log has of one group was lost on the way, and is read from it.
  void ReadWhatWasLost(const std::string& group);

  const std::string& epoch() const override { return log_.epoch(); }
  void StartPublish(const channel::PublishInput& input, channel::PublishWaiter* waiter,
                    uint64_t ticket) override {
    waiter->OnPublished(ticket, log_.Publish(input));
  }
  void Attach(std::string_view group_id, channel::GroupSink* sink) override;
  void Detach(std::string_view group_id) override { followed_.erase(std::string(group_id)); }
  void StartRead(const channel::ReadRequest& request, ReadDone done) override;
  void OnTick() override {}
  std::chrono::milliseconds dedup_window() const override { return log_.dedup_window(); }
  size_t group_count() const override { return followed_.size(); }
  size_t history_bytes() const override { return 0; }

 private:
  struct Head {
    bool own = false;  // the group's newest; otherwise nothing was held, and it is the log's
    uint64_t offset = 0;
  };
  struct Followed {
    channel::GroupSink* sink = nullptr;
    Head head = {};
    uint64_t given = 0;  // what the next record follows
  };

  Head FindHead(const std::string& group) const;
  channel::ReadResult Read(const channel::ReadRequest& request, Head head) const;
  void Give(Followed* followed, const SimSharedLog::Stored& stored);

  SimSharedLog& log_;
  const channel::Clock& clock_;
  std::map<std::string, Followed> followed_;
};

}  // namespace fuzz
