// The resume table with any sequence of calls and events, of a good service or a bad one: what it
// lets through is a chain from the position that it last told.
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "channel_service/client/resume_table.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using channel::ResumeTable;
using channel::StreamPosition;
using fuzz::Fail;
using Verdict = ResumeTable::Verdict;

// What may be expected of one group that is held.
struct Group {
  uint64_t tag = 0;
  bool asked = false;         // on this link, since it was added or something was missed
  bool confirmed = false;     // answered since it was last asked for
  bool may_be_older = false;  // the next publication may be one of the `last`
  std::optional<StreamPosition> position = {};
};

class Fuzz {
 public:
  void Step(fuzz::FuzzInput& input) {
    const std::string name = input.Chance(2) ? "a" : "b";
    switch (input.Below(8)) {
      case 0:
        return Add(name, input);
      case 1:
        table_.Remove(name);
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

  void Add(const std::string& name, fuzz::FuzzInput& input) {
    channel::SubscribeFrom from;
    if (input.Chance(2)) {
      from.since = StreamPosition{Epoch(input), input.Below(16)};
    } else {
      from.last = static_cast<uint32_t>(input.Below(4));
    }
    groups_[name] = Group{.tag = ++last_tag_, .position = from.since};
    table_.Add(name, last_tag_, from);
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
      if (!group.asked) Fail("does not ask for what is held");
    }
    for (const std::string& name : told_) {
      if (!groups_.contains(name)) Fail("does not give up what is not held");
    }
  }

  void CheckAsked(const channel::v1::Subscription& subscription) {
    const auto found = groups_.find(subscription.group_id());
    if (found == groups_.end() || found->second.asked) Fail("asks twice, or for what is not held");
    Group& group = found->second;
    group.asked = true;
    told_.insert(subscription.group_id());
    group.confirmed = group.may_be_older = false;
    if (subscription.tag() != group.tag) Fail("another tag");
    if (subscription.has_since() != group.position.has_value()) Fail("from somewhere else");
    if (group.position && (subscription.since().offset() != group.position->offset ||
                           subscription.since().epoch() != group.position->epoch)) {
      Fail("not from where it is");
    }
  }

  void OnLinkUp() {
    table_.OnLinkUp();
    told_.clear();
    for (auto& [name, group] : groups_) group.asked = false;
  }

  void OnSubscribed(const std::string& name, fuzz::FuzzInput& input) {
    channel::v1::Subscribed subscribed;
    subscribed.set_group_id(name);
    subscribed.set_epoch(Epoch(input));
    subscribed.set_offset(input.Below(16));
    subscribed.set_missed(static_cast<uint32_t>(input.Below(3)));
    subscribed.set_tag(input.Chance(4) ? last_tag_ + 1 - input.Below(3) : TagOf(name));
    const bool taken = table_.OnSubscribed(subscribed);
    const auto found = groups_.find(name);
    const bool ours = found != groups_.end() && found->second.tag == subscribed.tag();
    if (taken != ours) Fail("an answer to another subscription");
    if (!ours) return;
    Group& group = found->second;
    group.confirmed = true;
    if (group.position) return;
    group.may_be_older = subscribed.missed() > 0;
    // If the link is lost before the first of the `last` came, everything held is asked for.
    group.position =
        StreamPosition{subscribed.epoch(), group.may_be_older ? 0 : subscribed.offset()};
  }

  void OnGap(const std::string& name, fuzz::FuzzInput& input) {
    channel::v1::Gap gap;
    gap.set_group_id(name);
    gap.set_epoch(Epoch(input));
    gap.set_before(input.Below(16));
    const bool taken = table_.OnGap(gap);
    const auto found = groups_.find(name);
    const bool wanted = found != groups_.end() && found->second.confirmed;
    if (taken != wanted) Fail("a gap of another subscription");
    if (wanted) found->second.position = StreamPosition{gap.epoch(), gap.before() - 1};
  }

  void OnPublication(const std::string& name, fuzz::FuzzInput& input) {
    channel::v1::Publication publication;
    publication.set_group_id(name);
    publication.set_offset(input.Below(16));
    publication.set_previous_offset(input.Below(16));
    const Verdict verdict = table_.OnPublication(publication);
    const auto found = groups_.find(name);
    if (found == groups_.end() || !found->second.confirmed) {
      if (verdict != Verdict::kDrop) Fail("lets through what was not asked for");
      return;
    }
    Group& group = found->second;
    const uint64_t offset = publication.offset();
    const uint64_t previous = publication.previous_offset();
    if (std::exchange(group.may_be_older, false)) group.position->offset = previous;
    switch (verdict) {
      case Verdict::kDeliver:
        if (offset <= group.position->offset) Fail("delivers twice, or in another order");
        if (previous > group.position->offset) Fail("delivers across a hole");
        group.position->offset = offset;
        return;
      case Verdict::kDrop:
        if (offset > group.position->offset) Fail("drops what is new");
        return;
      case Verdict::kMissed:
        if (previous <= group.position->offset) Fail("nothing was missed");
        group.confirmed = group.asked = false;
        return;
    }
  }

  uint64_t TagOf(const std::string& name) const {
    const auto found = groups_.find(name);
    return found == groups_.end() ? 0 : found->second.tag;
  }

  ResumeTable table_;
  std::map<std::string, Group> groups_;
  std::set<std::string> told_;  // the service gives these, on this link
  uint64_t last_tag_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::FuzzInput input({reinterpret_cast<const char*>(data), size});
  Fuzz run;
  while (!input.empty()) run.Step(input);
  return 0;
}
