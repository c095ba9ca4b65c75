// The subscriptions of one link: finds the one that an event is for, and collects what the channel
// service is to be told of.
//
// Owned by the link; loop thread only. It does not own the subscriptions, which enter and leave it
// by themselves. Bounded by its users (kGroupsMax).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/base/strings.h"

namespace edge {

class Subscription;

class SubscriptionTable {
 public:
  // `on_change` is called when something is to be told to the service.
  explicit SubscriptionTable(absl::AnyInvocable<void()> on_change)
      : on_change_(std::move(on_change)) {}
  ~SubscriptionTable();
  SubscriptionTable(const SubscriptionTable&) = delete;
  SubscriptionTable& operator=(const SubscriptionTable&) = delete;

  // For subscriptions: Ask lets the group be asked for, and returns the tag of the question;
  // AskAgain puts the same question, from the position that is reached.
  uint64_t Ask(Subscription* subscription);
  void AskAgain(Subscription* subscription);
  void Remove(Subscription* subscription);

  // The link is new: the service knows of no group.
  void OnLinkUp();
  bool has_changes() const { return !changed_.empty(); }
  // Moves at most `count_max` changes into the request: groups to ask for, and groups that are not
  // wanted any more.
  void TakeChanges(size_t count_max, channel::v1::SubscribeRequest* request);

  // Returns null if nobody wants the group any more.
  Subscription* Find(std::string_view group_id) const;

 private:
  struct Entry {
    Subscription* subscription;
    bool known;  // to the service, on this link, if only by an earlier question
  };

  void MarkChanged(const std::string& group_id);

  absl::AnyInvocable<void()> on_change_;
  uint64_t last_tag_ = 0;
  absl::flat_hash_map<std::string_view, Entry> by_group_;  // ids are the subscriptions'
  // Groups of which the service is to be told, once each: those to ask for, and those that it still
  // gives though nobody wants them.
  absl::flat_hash_set<std::string, channel::StringHash, channel::StringEq> changed_;
};

}  // namespace edge
