// Subscriptions with any sequence of calls and events, of a good service or a bad one: what they
// let through is a chain from the position that was told last.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tests/fuzz/fuzz_input.h"
#include "tests/support/resume_model.h"
#include "ws_edge/upstream/subscription.h"
#include "ws_edge/upstream/subscription_table.h"

namespace {

using channel::StreamPosition;
using edge::Subscription;
using fuzz::Fail;
using support::Arrival;

// One group that is subscribed to, and what may be expected of it.
class Group final : private Subscription::Observer {
 public:
  Group(edge::SubscriptionTable& table, const std::string& name)
      : subscription(table, name, this) {}

  Subscription subscription;
  uint64_t tag = 0;           // of the newest question that was written
  bool asked = false;         // on this link, since the question or since something was missed
  bool awaited = false;       // its answer
  bool follows = false;       // the question is answered, and the gap told, if there was one
  bool may_be_older = false;  // the next publication may be one of the `last`
  support::ResumeModel<StreamPosition> place = {};
  // The subscription told these in this step.
  bool told_subscribed = false;
  bool told_gap = false;
  std::optional<uint64_t> told_offset;

  void Forget() {
    told_subscribed = told_gap = false;
    told_offset.reset();
  }

 private:
  void OnSubscribed(Subscription::Answer) override { told_subscribed = true; }
  bool OnGap(const Subscription::Gap&) override { return told_gap = true; }
  void OnPublication(const channel::v1::Publication& publication, bool, bool) override {
    told_offset = publication.offset();
  }
};

class Fuzz {
 public:
  void Step(fuzz::FuzzInput& input) {
    const std::string name = input.Chance(2) ? "a" : "b";
    switch (input.Below(8)) {
      case 0:
        return Ask(name, input);
      case 1:
        groups_.erase(name);
        return;
      case 2:
        if (input.Chance(4)) OnLinkUp();
        return TakeChanges(input);
      case 3:
        return OnSubscribed(name, input);
      case 4:
        return OnGap(name, input);
      default:
        return OnPublication(name, input);
    }
  }

 private:
  static std::string Epoch(fuzz::FuzzInput& input) { return input.Chance(4) ? "new" : "old"; }

  void Ask(const std::string& name, fuzz::FuzzInput& input) {
    channel::SubscribeFrom from;
    if (input.Chance(2)) {
      from.since = StreamPosition{Epoch(input), input.Below(16)};
    } else {
      from.last = static_cast<uint32_t>(input.Below(4));
    }
    auto& group = groups_[name];
    if (group == nullptr) group = std::make_unique<Group>(table_, name);
    group->place = {};
    if (from.since) group->place.MoveTo(*from.since);
    group->asked = group->awaited = group->follows = false;
    group->subscription.Ask(from);
  }

  // Everything that is to be told, or a part of it.
  void TakeChanges(fuzz::FuzzInput& input) {
    const size_t count_max = 1 + input.Below(2);
    channel::v1::SubscribeRequest request;
    const bool has_changes = table_.has_changes();
    table_.TakeChanges(count_max, &request);
    const auto count = static_cast<size_t>(request.subscribe_size() + request.unsubscribe_size());
    if ((count > 0) != has_changes || count > count_max) Fail("not as many as there are");
    for (const std::string& name : request.unsubscribe()) {
      if (groups_.contains(name)) Fail("gives up what is held");
      told_.erase(name);
    }
    for (const auto& subscription : request.subscribe()) CheckAsked(subscription);
    if (table_.has_changes()) return;
    for (const auto& [name, group] : groups_) {
      if (!group->asked) Fail("does not ask for what is held");
    }
    for (const std::string& name : told_) {
      if (!groups_.contains(name)) Fail("does not give up what is not held");
    }
  }

  void CheckAsked(const channel::v1::Subscription& subscription) {
    const auto found = groups_.find(subscription.group_id());
    if (found == groups_.end() || found->second->asked) Fail("asks twice, or for what is not held");
    Group& group = *found->second;
    group.asked = group.awaited = true;
    told_.insert(subscription.group_id());
    group.follows = group.may_be_older = false;
    group.place.ForgetGap();
    if (subscription.tag() < group.tag || subscription.tag() == 0) Fail("an old tag");
    group.tag = subscription.tag();
    const std::optional<StreamPosition>& position = group.place.position();
    if (subscription.has_since() != position.has_value()) Fail("from somewhere else");
    if (position && (subscription.since().offset() != position->offset ||
                     subscription.since().epoch() != position->epoch)) {
      Fail("not from where it is");
    }
  }

  void OnLinkUp() {
    table_.OnLinkUp();
    told_.clear();
    for (auto& [name, group] : groups_) {
      group->asked = group->awaited = group->follows = false;
      group->place.ForgetGap();
    }
  }

  Group* Find(const std::string& name) {
    const auto found = groups_.find(name);
    if (found == groups_.end()) return nullptr;
    found->second->Forget();
    return found->second.get();
  }

  void OnSubscribed(const std::string& name, fuzz::FuzzInput& input) {
    Group* const group = Find(name);
    channel::v1::Subscribed subscribed;
    subscribed.set_group_id(name);
    subscribed.set_epoch(Epoch(input));
    subscribed.set_offset(input.Below(16));
    subscribed.set_missed(static_cast<uint32_t>(input.Below(3)));
    subscribed.set_recovered(input.Chance(2));
    subscribed.set_tag(input.Chance(4) ? input.Below(8) : group == nullptr ? 0 : group->tag);
    if (Subscription* const wanted = table_.Find(name)) wanted->OnSubscribed(subscribed);
    if (group == nullptr) return;
    const bool ours = group->awaited && group->tag == subscribed.tag();
    if (group->told_subscribed != (ours && subscribed.recovered())) Fail("not this answer");
    if (!ours) return;
    group->awaited = false;
    group->follows = subscribed.recovered();
    if (!group->place.position()) {
      group->may_be_older = subscribed.missed() > 0;
      // If the link is lost before the first of the `last` came, everything held is asked for.
      group->place.MoveTo({subscribed.epoch(), group->may_be_older ? 0 : subscribed.offset()});
    }
    group->place.OnResumed({subscribed.epoch(), subscribed.offset()}, subscribed.recovered());
  }

  void OnGap(const std::string& name, fuzz::FuzzInput& input) {
    Group* const group = Find(name);
    channel::v1::Gap gap;
    gap.set_group_id(name);
    gap.set_epoch(Epoch(input));
    gap.set_before(1 + input.Below(16));
    if (Subscription* const wanted = table_.Find(name)) wanted->OnGap(gap);
    if (group == nullptr) return;
    if (group->told_gap != group->place.gap_due()) Fail("a gap that was not to come");
    if (!group->place.gap_due()) return;
    group->follows = true;
    group->may_be_older = false;
    group->place.OnGap({gap.epoch(), gap.before()}, /*back=*/true);
  }

  void OnPublication(const std::string& name, fuzz::FuzzInput& input) {
    Group* const group = Find(name);
    channel::v1::Publication publication;
    publication.set_group_id(name);
    publication.set_offset(input.Below(16));
    publication.set_previous_offset(input.Below(16));
    if (Subscription* const wanted = table_.Find(name)) {
      wanted->OnPublication(publication, /*alone=*/false);
    }
    if (group == nullptr) return;
    const uint64_t offset = publication.offset();
    const uint64_t previous = publication.previous_offset();
    if (!group->follows) {
      if (group->told_offset.has_value()) Fail("lets through what was not asked for");
      return;
    }
    const std::string epoch = group->place.position()->epoch;
    if (std::exchange(group->may_be_older, false)) group->place.MoveTo({epoch, previous});
    const Arrival arrival = group->place.OnMessage({epoch, offset}, previous);
    if (group->told_offset.has_value() != (arrival == Arrival::kNext)) {
      Fail("delivers twice, across a hole, or not at all");
    }
    if (arrival == Arrival::kHole) group->follows = group->asked = false;
  }

  edge::SubscriptionTable table_{[] {}};
  std::map<std::string, std::unique_ptr<Group>> groups_;
  std::set<std::string> told_;  // the service gives these, on this link
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::FuzzInput input({reinterpret_cast<const char*>(data), size});
  Fuzz run;
  while (!input.empty()) run.Step(input);
  return 0;
}
