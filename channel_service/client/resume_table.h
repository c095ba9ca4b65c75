// The groups that a client holds, each with the position up to which it has everything.
//
// This is what makes "subscribe since" the one repair for everything: after a lost link each group
// is subscribed again from its position. Client's thread only; no bound of its own (its owner
// bounds the groups that it subscribes to).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/base/strings.h"
#include "channel_service/model/publication.h"

namespace channel {

class ResumeTable {
 public:
  enum class Verdict {
    kDeliver,  // follows what the client has
    kDrop,     // the client has it, or does not hold the group, or waits for a resumption
    kMissed,   // something is missing before it: subscribe again from the position; drop it
  };

  // A group is held from here on, in place of an earlier subscription of it.
  void Add(const std::string& group_id, uint64_t tag, SubscribeFrom from);
  void Remove(const std::string& group_id) { groups_.erase(group_id); }

  // What to ask the service for; the group then waits for `subscribed`. Empty if it is not held, or
  // was asked for already.
  std::optional<v1::Subscription> MakeSubscription(const std::string& group_id);

  // False if the event is not for the present subscription of the group (left and joined again
  // since).
  bool OnSubscribed(const v1::Subscribed& subscribed);
  bool OnGap(const v1::Gap& gap);
  // After kMissed the group drops its publications until it is subscribed again.
  Verdict OnPublication(const v1::Publication& publication);

  // The link is new: calls visit(group_id) for each group, which is to be asked for (again).
  template <typename Visit>
  void AskForAll(Visit visit) {
    for (auto& [group_id, entry] : groups_) {
      entry.asked = false;
      visit(group_id);
    }
  }
  size_t size() const { return groups_.size(); }

 private:
  struct Entry {
    uint64_t tag = 0;
    std::optional<StreamPosition> position;  // none: nothing received yet
    uint32_t last = 0;                       // asked for while there is no position
    bool asked = false;                      // by MakeSubscription, on this link
    bool confirmed = false;                  // `subscribed` came for the last MakeSubscription
    bool anchored =
        true;  // false: the next publication is one of the `last`, and sets the position
  };
  absl::flat_hash_map<std::string, Entry, StringHash, StringEq> groups_;
};

}  // namespace channel
