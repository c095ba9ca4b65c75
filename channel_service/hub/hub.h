// The hub: one node's fan-out, group → subscribers.
//
// The server owns it; loop thread only. It attaches a group to the engine while the group has at
// least one subscription. A subscription first catches up (the engine's read may be asynchronous);
// live publications wait behind what was missed, at most kCatchUpRecordsMax of them, beyond that
// the read is repeated from where it ended. So a subscriber sees every group's publications in
// order, without a hole that is not announced.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "channel_service/base/fair_share.h"
#include "channel_service/engine/engine.h"
#include "channel_service/hub/hub_group.h"
#include "channel_service/hub/hub_metrics.h"
#include "channel_service/hub/subscriber.h"
#include "channel_service/limits.h"

namespace channel {

struct SubscribeInput {
  std::string_view group_id;
  std::optional<StreamPosition> since = std::nullopt;
  uint32_t last = 0;
  uint64_t tag = 0;
};

class Hub {
 public:
  Hub(Engine& engine, HubMetrics& metrics);
  ~Hub();

  // A stream of this peer begins; it ends with Remove, before the subscriber is destroyed.
  void Add(Subscriber* subscriber, PeerAddress peer);
  // Removes at most so many of its subscriptions, and then the subscriber. Returns whether some are
  // left, and so whether this is called again; nothing else is, for this subscriber.
  bool Remove(Subscriber* subscriber, size_t count_max = SIZE_MAX);

  // Answers with `subscribed` (and, if needed, a `gap` and what was missed) on the subscriber's
  // queue. RESOURCE_EXHAUSTED if the subscriber holds kSubscriptionsMax groups, or its peer its
  // share of kSubscriptionsTotalMax.
  absl::Status Subscribe(Subscriber* subscriber, const SubscribeInput& input);
  void Unsubscribe(Subscriber* subscriber, std::string_view group_id);

 private:
  using GroupSet = absl::flat_hash_set<HubGroup*>;
  struct Held {
    PeerAddress peer;
    GroupSet groups;
    std::vector<HubGroup*> leaving = {};  // from the first Remove on, instead of groups
  };

  HubGroup* FindOrAttach(std::string_view group_id);
  // Reads what the subscription misses, then lets live publications through.
  void StartCatchUp(const HubGroup* group, uint64_t subscription_id, const ReadRequest& request);
  void OnRead(std::string_view group_id, uint64_t subscription_id, const ReadResult& result);
  void CatchUp(HubGroup* group, HubGroup::Subscription* subscription, const ReadResult& result);
  void RemoveFrom(HubGroup* group, Subscriber* subscriber, PeerAddress peer);

  Engine& engine_;
  HubMetrics& metrics_;
  uint64_t last_subscription_id_ = 0;
  absl::flat_hash_map<std::string_view, std::unique_ptr<HubGroup>> group_by_id_;
  absl::flat_hash_map<Subscriber*, Held> held_by_subscriber_;
  FairShare places_{kSubscriptionsTotalMax};
  // Reads of an asynchronous engine may end after the hub: they hold this weakly.
  std::shared_ptr<Hub*> self_ = std::make_shared<Hub*>(this);
};

}  // namespace channel
