#include "channel_service/hub/hub.h"

#include <string>
#include <utility>
#include <vector>

#include "channel_service/base/check.h"
#include "channel_service/hub/hub_event.h"

namespace channel {

Hub::Hub(Engine& engine, HubMetrics& metrics) : engine_(engine), metrics_(metrics) {}

Hub::~Hub() { CHANNEL_CHECK(group_by_id_.empty()); }

void Hub::Add(Subscriber* subscriber, PeerAddress peer) {
  CHANNEL_CHECK(held_by_subscriber_.emplace(subscriber, Held{peer, {}}).second);
  subscriber->set_peer(peer);
  metrics_.subscribers.Increment();
}

bool Hub::Remove(Subscriber* subscriber, size_t count_max) {
  const auto found = held_by_subscriber_.find(subscriber);
  CHANNEL_CHECK(found != held_by_subscriber_.end());
  Held& held = found->second;
  if (!held.groups.empty()) {
    held.leaving.assign(held.groups.begin(), held.groups.end());
    GroupSet().swap(held.groups);
  }
  for (; count_max > 0 && !held.leaving.empty(); --count_max) {
    RemoveFrom(held.leaving.back(), subscriber, held.peer);
    held.leaving.pop_back();
  }
  if (!held.leaving.empty()) return true;
  held_by_subscriber_.erase(found);
  metrics_.subscribers.Decrement();
  return false;
}

absl::Status Hub::Subscribe(Subscriber* subscriber, const SubscribeInput& input) {
  const auto held = held_by_subscriber_.find(subscriber);
  CHANNEL_CHECK(held != held_by_subscriber_.end());
  const auto found = group_by_id_.find(input.group_id);
  HubGroup* group = found == group_by_id_.end() ? nullptr : found->second.get();
  if (group != nullptr && held->second.groups.contains(group)) {
    // Replaced: the group stays attached, the old subscription's read finds nobody.
    group->Remove(subscriber);
  } else {
    if (held->second.groups.size() >= kSubscriptionsMax) {
      return absl::ResourceExhaustedError("too many groups on one Subscribe stream");
    }
    if (!places_.Take(held->second.peer)) {
      return absl::ResourceExhaustedError(
          "too many groups on the Subscribe streams of this address: it has half of what others "
          "leave free");
    }
    group = FindOrAttach(input.group_id);
    held->second.groups.insert(group);
    metrics_.subscriptions.Increment();
  }
  const uint64_t id = ++last_subscription_id_;
  group->Add(subscriber, id, input.tag);

  ReadRequest request{.group_id = group->id, .since = input.since, .last = input.last};
  const bool from_now_on = !input.since.has_value() && input.last == 0;
  if (from_now_on) {
    request.count_max = 0;  // only the head is wanted
  } else {
    metrics_.catch_ups.Increment();
  }
  StartCatchUp(group, id, request);
  return absl::OkStatus();
}

HubGroup* Hub::FindOrAttach(std::string_view group_id) {
  const auto found = group_by_id_.find(group_id);
  if (found != group_by_id_.end()) return found->second.get();
  auto owned = std::make_unique<HubGroup>(group_id, metrics_);
  HubGroup* const group = owned.get();
  group_by_id_.emplace(std::string_view(group->id), std::move(owned));
  engine_.Attach(group->id, group);
  return group;
}

void Hub::StartCatchUp(const HubGroup* group, uint64_t subscription_id,
                       const ReadRequest& request) {
  engine_.StartRead(request, [hub = std::weak_ptr<Hub*>(self_), group_id = group->id,
                              subscription_id](const ReadResult& result) {
    const auto self = hub.lock();
    if (self != nullptr) (*self)->OnRead(group_id, subscription_id, result);
  });
}

void Hub::OnRead(std::string_view group_id, uint64_t subscription_id, const ReadResult& result) {
  const auto found = group_by_id_.find(group_id);
  if (found == group_by_id_.end()) return;
  HubGroup::Subscription* const subscription = found->second->Find(subscription_id);
  if (subscription == nullptr) return;
  if (result.available) {
    CatchUp(found->second.get(), subscription, result);
  } else {
    subscription->subscriber->Fail();
  }
}

void Hub::CatchUp(HubGroup* group, HubGroup::Subscription* subscription, const ReadResult& result) {
  using State = HubGroup::Subscription::State;
  Subscriber* const subscriber = subscription->subscriber;
  std::string events;
  if (subscription->state == State::kAsked) {
    AppendSubscribed(group->id, engine_.epoch(), subscription->tag, result, &events);
  }
  if (result.gap.has_value()) {
    AppendGap(group->id, engine_.epoch(), *result.gap, &events);
    metrics_.gaps.Increment();
  }
  if (!events.empty()) subscriber->Append(events);

  uint64_t position = result.head;
  for (const RecordPtr& record : result.records) {
    subscriber->Append(record);
    position = record->offset;
  }
  if (subscription->waiting_overflowed) {
    // The engine's history holds what waited, too: it is dropped here, and read from this position.
    subscription->state = State::kReadingOn;
    subscription->waiting_overflowed = false;
    subscription->waiting.clear();
    const ReadRequest rest{.group_id = group->id,
                           .since = StreamPosition{engine_.epoch(), position}};
    StartCatchUp(group, subscription->id, rest);
    return;
  }
  for (const RecordPtr& record : subscription->waiting) {
    if (record->offset > position) subscriber->Append(record);
  }
  std::vector<RecordPtr>().swap(subscription->waiting);  // with its memory; {} would keep it
  subscription->state = State::kLive;
}

void Hub::Unsubscribe(Subscriber* subscriber, std::string_view group_id) {
  const auto found = group_by_id_.find(group_id);
  const auto held = held_by_subscriber_.find(subscriber);
  CHANNEL_CHECK(held != held_by_subscriber_.end());
  if (found == group_by_id_.end() || held->second.groups.erase(found->second.get()) == 0) return;
  RemoveFrom(found->second.get(), subscriber, held->second.peer);
}

void Hub::RemoveFrom(HubGroup* group, Subscriber* subscriber, PeerAddress peer) {
  group->Remove(subscriber);
  places_.Give(peer);
  metrics_.subscriptions.Decrement();
  if (!group->empty()) return;
  engine_.Detach(group->id);
  group_by_id_.erase(group->id);
}

}  // namespace channel
