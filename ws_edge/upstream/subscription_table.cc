#include "ws_edge/upstream/subscription_table.h"

#include <utility>

#include "channel_service/base/check.h"
#include "ws_edge/upstream/subscription.h"

namespace edge {

SubscriptionTable::~SubscriptionTable() { CHANNEL_CHECK(by_group_.empty()); }

Subscription* SubscriptionTable::Find(std::string_view group_id) const {
  const auto found = by_group_.find(group_id);
  return found == by_group_.end() ? nullptr : found->second.subscription;
}

uint64_t SubscriptionTable::Ask(Subscription* subscription) {
  const std::string& group_id = subscription->group_id();
  // While the service is still to be told that a group is not wanted any more, it knows the group.
  const Entry entry{subscription, changed_.contains(group_id)};
  const auto [found, added] = by_group_.emplace(group_id, entry);
  CHANNEL_CHECK(found->second.subscription == subscription);
  MarkChanged(group_id);
  return ++last_tag_;
}

void SubscriptionTable::AskAgain(Subscription* subscription) {
  MarkChanged(subscription->group_id());
}

void SubscriptionTable::Remove(Subscription* subscription) {
  const std::string& group_id = subscription->group_id();
  const auto found = by_group_.find(group_id);
  const bool known = found->second.known;
  by_group_.erase(found);
  if (known) {
    MarkChanged(group_id);
  } else {
    changed_.erase(group_id);
  }
}

void SubscriptionTable::MarkChanged(const std::string& group_id) {
  changed_.insert(group_id);
  on_change_();
}

void SubscriptionTable::OnLinkUp() {
  changed_.clear();
  for (auto& [group_id, entry] : by_group_) {
    entry.known = false;
    entry.subscription->OnLinkUp();
    changed_.insert(std::string(group_id));
  }
}

void SubscriptionTable::TakeChanges(size_t count_max, channel::v1::SubscribeRequest* request) {
  auto next = changed_.begin();  // once: the search for it passes all that was taken before
  for (size_t i = 0; i < count_max && next != changed_.end(); ++i) {
    std::string group_id = std::move(changed_.extract(next++).value());
    if (const auto found = by_group_.find(group_id); found != by_group_.end()) {
      found->second.known = true;
      *request->add_subscribe() = found->second.subscription->TakeQuestion();
    } else {
      request->add_unsubscribe(std::move(group_id));
    }
  }
}

}  // namespace edge
