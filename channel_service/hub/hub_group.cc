#include "channel_service/hub/hub_group.h"

#include <algorithm>

#include "channel_service/limits.h"

namespace channel {

void HubGroup::OnPublication(const RecordPtr& record) {
  for (Subscription& subscription : subscriptions_) {
    if (subscription.state == Subscription::State::kLive) {
      subscription.subscriber->Append(record);
    } else if (subscription.waiting.size() < kCatchUpRecordsMax) {
      subscription.waiting.push_back(record);
    } else {
      subscription.waiting_overflowed = true;
    }
  }
  metrics_.deliveries.Increment(static_cast<double>(subscriptions_.size()));
}

void HubGroup::Add(Subscriber* subscriber, uint64_t subscription_id, uint64_t tag) {
  subscriptions_.push_back({.subscriber = subscriber, .id = subscription_id, .tag = tag});
}

void HubGroup::Remove(const Subscriber* subscriber) {
  std::erase_if(subscriptions_,
                [&](const Subscription& held) { return held.subscriber == subscriber; });
}

HubGroup::Subscription* HubGroup::Find(uint64_t subscription_id) {
  // A subscription that was just added is the last one.
  const auto found = std::find_if(
      subscriptions_.rbegin(), subscriptions_.rend(),
      [subscription_id](const Subscription& held) { return held.id == subscription_id; });
  return found == subscriptions_.rend() ? nullptr : &*found;
}

}  // namespace channel
