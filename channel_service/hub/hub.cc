#include "channel_service/hub/hub.h"

#include <algorithm>
#include <utility>

#include "channel/v1/channel.pb.h"
#include "channel_service/base/check.h"
#include "channel_service/limits.h"

namespace channel {
namespace {

v1::GapReason ToProto(GapReason reason) {
  switch (reason) {
    case GapReason::kRetention:
      return v1::GAP_REASON_RETENTION;
    case GapReason::kEpoch:
      return v1::GAP_REASON_EPOCH;
    case GapReason::kPosition:
      return v1::GAP_REASON_POSITION;
  }
  return v1::GAP_REASON_UNSPECIFIED;
}

}  // namespace

// One group's subscriptions on this node.
class HubGroup final : public GroupSink {
 public:
  struct Subscription {
    Subscriber* subscriber;
    uint64_t id;
    uint64_t tag;
    bool confirmed = false;  // `subscribed` was sent
    bool catching_up = true;
    bool waiting_overflowed = false;
    std::vector<RecordPtr> waiting = {};  // live publications while catching up
  };

  HubGroup(std::string_view group_id, HubMetrics& metrics) : id(group_id), metrics_(metrics) {}

  void OnPublication(const RecordPtr& record) override {
    for (Subscription& subscription : subscriptions) {
      if (!subscription.catching_up) {
        subscription.subscriber->Append(record->bytes());
      } else if (subscription.waiting.size() < kCatchUpRecordsMax) {
        subscription.waiting.push_back(record);
      } else {
        subscription.waiting_overflowed = true;
      }
    }
    metrics_.deliveries.Increment(static_cast<double>(subscriptions.size()));
  }

  // Null if there is none (any more).
  Subscription* Find(uint64_t subscription_id) {
    const auto found =
        std::find_if(subscriptions.begin(), subscriptions.end(),
                     [subscription_id](const Subscription& s) { return s.id == subscription_id; });
    return found == subscriptions.end() ? nullptr : &*found;
  }

  const std::string id;
  std::vector<Subscription> subscriptions;

 private:
  HubMetrics& metrics_;
};

Hub::Hub(Engine& engine, HubMetrics& metrics) : engine_(engine), metrics_(metrics) {}

Hub::~Hub() { CHANNEL_CHECK(group_by_id_.empty()); }

absl::Status Hub::Subscribe(Subscriber* subscriber, const SubscribeInput& input) {
  auto found = group_by_id_.find(input.group_id);
  HubGroup* group = found == group_by_id_.end() ? nullptr : found->second.get();
  if (group != nullptr && subscriber->groups_.contains(group)) {
    // Replaced: the group stays attached, the old subscription's read finds nobody.
    std::erase_if(group->subscriptions,
                  [&](const auto& old) { return old.subscriber == subscriber; });
  } else {
    if (subscriber->groups_.size() >= kSubscriptionsMax) {
      return absl::ResourceExhaustedError("too many groups on one Subscribe stream");
    }
    if (group == nullptr) {
      auto owned = std::make_unique<HubGroup>(input.group_id, metrics_);
      group = owned.get();
      group_by_id_.emplace(std::string_view(group->id), std::move(owned));
      engine_.Attach(group->id, group);
    }
    subscriber->groups_.insert(group);
    metrics_.subscriptions.Increment();
  }
  const uint64_t id = ++last_subscription_id_;
  group->subscriptions.push_back({.subscriber = subscriber, .id = id, .tag = input.tag});

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

void Hub::StartCatchUp(HubGroup* group, uint64_t subscription_id, const ReadRequest& request) {
  engine_.StartRead(request, [hub = std::weak_ptr<Hub*>(self_), group_id = group->id,
                              subscription_id](const ReadResult& result) {
    const auto self = hub.lock();
    if (self == nullptr) return;
    const auto found = (*self)->group_by_id_.find(group_id);
    if (found == (*self)->group_by_id_.end()) return;
    const auto* const subscription = found->second->Find(subscription_id);
    if (subscription == nullptr) return;
    if (result.available) {
      (*self)->OnRead(found->second.get(), subscription_id, result);
    } else {
      subscription->subscriber->OnUnavailable();
    }
  });
}

void Hub::OnRead(HubGroup* group, uint64_t subscription_id, const ReadResult& result) {
  HubGroup::Subscription& subscription = *group->Find(subscription_id);
  std::string events;
  if (!subscription.confirmed) {
    subscription.confirmed = true;
    v1::Event event;
    v1::Subscribed* subscribed = event.mutable_subscribed();
    subscribed->set_group_id(group->id);
    subscribed->set_epoch(engine_.epoch());
    subscribed->set_offset(result.head);
    subscribed->set_recovered(!result.gap.has_value());
    subscribed->set_tag(subscription.tag);
    subscribed->set_newest(result.newest);
    subscribed->set_missed(static_cast<uint32_t>(result.records.size()));
    AppendEvent(event, &events);
  }
  if (result.gap.has_value()) {
    v1::Event event;
    v1::Gap* gap = event.mutable_gap();
    gap->set_group_id(group->id);
    gap->set_epoch(engine_.epoch());
    gap->set_after(result.gap->after);
    gap->set_before(result.gap->before);
    gap->set_reason(ToProto(result.gap->reason));
    AppendEvent(event, &events);
    metrics_.gaps.Increment();
  }
  if (!events.empty()) subscription.subscriber->Append(events);

  uint64_t position = result.head;
  for (const RecordPtr& record : result.records) {
    subscription.subscriber->Append(record->bytes());
    position = record->offset;
  }
  if (subscription.waiting_overflowed) {
    // What waited is in the engine's history too: drop it and read on from here.
    subscription.waiting_overflowed = false;
    subscription.waiting.clear();
    ReadRequest rest{.group_id = group->id, .since = StreamPosition{engine_.epoch(), position}};
    StartCatchUp(group, subscription_id, rest);
    return;
  }
  for (const RecordPtr& record : subscription.waiting) {
    if (record->offset > position) subscription.subscriber->Append(record->bytes());
  }
  std::vector<RecordPtr>().swap(subscription.waiting);  // with its memory; {} would keep it
  subscription.catching_up = false;
}

void Hub::Unsubscribe(Subscriber* subscriber, std::string_view group_id) {
  const auto found = group_by_id_.find(group_id);
  if (found == group_by_id_.end() || subscriber->groups_.erase(found->second.get()) == 0) return;
  RemoveFrom(found->second.get(), subscriber);
}

void Hub::Remove(Subscriber* subscriber) {
  for (HubGroup* group : subscriber->groups_) RemoveFrom(group, subscriber);
  subscriber->groups_.clear();
  metrics_.subscribers.Decrement();
}

void Hub::Add(Subscriber*) { metrics_.subscribers.Increment(); }

void Hub::RemoveFrom(HubGroup* group, Subscriber* subscriber) {
  std::erase_if(group->subscriptions,
                [&](const auto& subscription) { return subscription.subscriber == subscriber; });
  metrics_.subscriptions.Decrement();
  if (!group->subscriptions.empty()) return;
  engine_.Detach(group->id);
  group_by_id_.erase(group->id);
}

}  // namespace channel
