// The engine that needs nothing: the log lives in this process, for one channel_service.
//
// Offsets come from one counter for all groups. An acknowledged publication survives the loss of
// every edge, not of this process: a new process is a new epoch. Loop thread only. Bounds:
// ServiceLimits (per group: publications, bytes, age; in all: bytes, of groups and their history;
// keys). Over the bound in all, the groups that hold most give first (history_budget.h). A group
// that is not attached and whose history aged out is evicted; what remains of all evicted groups is
// one number, the `floor`: the highest last offset among them, and a filter that knows them. A
// position at or above the floor of a group that is not in memory missed nothing; below it,
// something may be missing if the filter knows the group, and is announced.
#pragma once

#include <boost/intrusive/list.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/clock.h"
#include "channel_service/engine/dedup_table.h"
#include "channel_service/engine/engine.h"
#include "channel_service/engine/history_budget.h"
#include "channel_service/engine/history_ring.h"
#include "channel_service/engine/memory/forgotten_groups.h"
#include "channel_service/limits.h"

namespace channel {

class MemoryEngine final : public Engine {
 public:
  // `limits` and `clock` must outlive the engine. `seed` makes the epoch's name; take it from the
  // system's random source, so that no two lives of the log have one name.
  MemoryEngine(const ServiceLimits& limits, const Clock& clock, uint64_t seed);

  const std::string& epoch() const override { return epoch_; }
  void StartPublish(const PublishInput& input, PublishWaiter* waiter, uint64_t ticket) override;
  void Attach(std::string_view group_id, GroupSink* sink) override;
  void Detach(std::string_view group_id) override;
  void StartRead(const ReadRequest& request, ReadDone done) override;
  void OnTick() override;

  std::chrono::milliseconds dedup_window() const override { return dedup_.window(clock_.Now()); }
  size_t group_count() const override { return group_by_id_.size(); }
  size_t history_bytes() const override { return group_bytes_ + budget_.bytes(); }

 private:
  using Place = boost::intrusive::list_base_hook<>;  // in by_age_ or idle_
  struct Group : HistoryBudget::Share, Place {
    Group(std::string_view group_id, uint64_t last) : id(group_id), last_offset(last) {}

    // Beside its history.
    size_t HeldBytes() const;
    // In the hub, while it is attached.
    size_t SinkBytes() const;
    size_t NameBytes() const;

    const std::string id;
    HistoryRing history = {};
    GroupSink* sink = nullptr;
    // If it has published nothing since it is in memory: the floor, or 0 if it never has.
    uint64_t last_offset;
    bool published = false;
    bool is_idle = false;  // neither history nor sink
    SteadyTime idle_since = {};
  };
  using GroupList = boost::intrusive::list<Group, boost::intrusive::base_hook<Place>>;

  PublishOutcome Publish(const PublishInput& input);
  ReadResult Read(const ReadRequest& request) const;
  Group& FindOrAdd(std::string_view group_id);
  // The last offset that a group which is not in memory may have.
  uint64_t LastOffsetOfForgotten(std::string_view group_id) const;
  // Drops history, and idle groups where these hold more, until the total bound holds.
  void KeepTotalBound();
  void AgeOut();
  // `change` is called with the group's history; the budget and the order by age are kept.
  template <typename Change>
  void ChangeHistory(Group& group, Change change);
  // An idle group is kept for history_age_max, so that an edge or a client that is back soon finds
  // its last offset; the floor would make it look as if something were lost.
  void KeepIfIdle(Group& group);
  void LeaveIdle(Group& group);
  void EvictIdle();
  void Evict(Group& group);

  const ServiceLimits& limits_;
  const Clock& clock_;
  const std::string epoch_;
  const SteadyTime started_at_;
  bool young_;  // see new_epoch_grace in limits.h; until the first tick after it
  uint64_t newest_offset_ = 0;
  uint64_t floor_ = 0;
  ForgottenGroups forgotten_;
  absl::flat_hash_map<std::string_view, std::unique_ptr<Group>> group_by_id_;  // key: Group::id
  size_t group_bytes_ = 0;  // without history; with what the hub has of them
  HistoryBudget budget_;
  GroupList by_age_;  // groups that hold history, the one that published least recently first
  GroupList idle_;    // the longest idle first
  DedupTable dedup_;
};

}  // namespace channel
