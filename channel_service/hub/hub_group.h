// One group's subscriptions on this node.
//
// The hub owns it; loop thread only. Live publications go to subscriptions that have caught up; in
// the others they wait, at most kCatchUpRecordsMax of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "channel_service/engine/engine.h"
#include "channel_service/hub/hub_metrics.h"
#include "channel_service/hub/subscriber.h"

namespace channel {

class HubGroup final : public GroupSink {
 public:
  struct Subscription {
    enum class State {
      kAsked,      // what it misses is being read
      kReadingOn,  // it was confirmed; too much came meanwhile, which is being read, too
      kLive,
    };

    Subscriber* subscriber;
    uint64_t id;
    uint64_t tag;
    State state = State::kAsked;
    bool waiting_overflowed = false;
    std::vector<RecordPtr> waiting = {};  // live publications, until it is live
  };

  HubGroup(std::string_view group_id, HubMetrics& metrics) : id(group_id), metrics_(metrics) {}

  void OnPublication(const RecordPtr& record) override;

  void Add(Subscriber* subscriber, uint64_t subscription_id, uint64_t tag);
  void Remove(const Subscriber* subscriber);
  bool empty() const { return subscriptions_.empty(); }
  // Null if the subscription is not there, or not any more.
  Subscription* Find(uint64_t subscription_id);

  const std::string id;

 private:
  HubMetrics& metrics_;
  std::vector<Subscription> subscriptions_;
};

}  // namespace channel
