#include "ws_edge/upstream/subscription_table.h"

#include <utility>

#include "channel_service/base/check.h"
#include "ws_edge/upstream/subscription.h"

namespace edge {

SubscriptionTable::~SubscriptionTable() { CHANNEL_CHECK(by_group_.empty()); }

Subscription* SubscriptionTable::Find(std::string_view group_id) const {
  const auto found = by_group_.find(group_id);
  return found == by_group_.end() ? nullptr : found->second;
}

uint64_t SubscriptionTable::Ask(Subscription* subscription) {
  const std::string& group_id = subscription->group_id();
  const bool added = by_group_.emplace(group_id, subscription).second;
  // A group that is changed and not here is one that the service is to be told to give up.
  if (added) subscription->known_ = changed_.contains(group_id);
  AskAgain(subscription);
  return ++last_tag_;
}

void SubscriptionTable::AskAgain(Subscription* subscription) {
  changed_.insert(subscription->group_id());
  on_change_();
}

void SubscriptionTable::Remove(Subscription* subscription) {
  const std::string& group_id = subscription->group_id();
  by_group_.erase(group_id);
  if (subscription->known_) {
    AskAgain(subscription);
  } else {
    changed_.erase(group_id);
  }
}

void SubscriptionTable::OnLinkUp() {
  changed_.clear();
  for (auto& [group_id, subscription] : by_group_) {
    subscription->OnLinkUp();
    changed_.insert(std::string(group_id));
  }
}

void SubscriptionTable::TakeChanges(size_t count_max, channel::v1::SubscribeRequest* request) {
  auto next = changed_.begin();  // once: the search for it passes all that was taken before
  for (size_t i = 0; i < count_max && next != changed_.end(); ++i) {
    std::string group_id = std::move(changed_.extract(next++).value());
    if (Subscription* const subscription = Find(group_id)) {
      *request->add_subscribe() = subscription->TakeQuestion();
    } else {
      request->add_unsubscribe(std::move(group_id));
    }
  }
}

bool SubscriptionTable::OnEvent(const channel::v1::Event& event, bool alone) {
  switch (event.event_case()) {
    case channel::v1::Event::kPublication:
      if (Subscription* const wanted = Find(event.publication().group_id())) {
        wanted->OnPublication(event.publication(), alone);
      }
      return false;
    case channel::v1::Event::kSubscribed:
      if (Subscription* const wanted = Find(event.subscribed().group_id())) {
        wanted->OnSubscribed(event.subscribed());
      }
      return false;
    case channel::v1::Event::kGap: {
      Subscription* const wanted = Find(event.gap().group_id());
      return wanted != nullptr && wanted->OnGap(event.gap());
    }
    case channel::v1::Event::EVENT_NOT_SET:
      return false;  // of a newer service
  }
  return false;
}

}  // namespace edge
