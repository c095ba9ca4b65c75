// The groups that a client holds, each with the position up to which it has everything.
//
// This is what makes "subscribe since" the one repair for everything: after a lost link each group
// is subscribed again from its position. Loop thread only; no bound of its own (its owner
// bounds the groups that it subscribes to).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
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
  void Remove(const std::string& group_id);

  // The link is new: the service knows of no group.
  void OnLinkUp();

  // Something is to be told to the service.
  bool has_changes() const { return !changed_.empty(); }
  // Moves at most `count_max` changes into the request: groups to ask for, from their positions
  // (they then wait for `subscribed`), and groups that are not held any more.
  void TakeChanges(size_t count_max, v1::SubscribeRequest* request);

  // False if the event is not for the present subscription of the group (left and joined again
  // since).
  bool OnSubscribed(const v1::Subscribed& subscribed);
  bool OnGap(const v1::Gap& gap);
  // After kMissed the group drops its publications until it is subscribed again.
  Verdict OnPublication(const v1::Publication& publication);

  size_t size() const { return groups_.size(); }

 private:
  struct Entry {
    uint64_t tag = 0;
    std::optional<StreamPosition> position;  // none: nothing received yet
    uint32_t last = 0;                       // asked for while there is no position
    bool known = false;      // to the service, on this link, if by an earlier subscription
    bool confirmed = false;  // `subscribed` came since it was asked for
    bool anchored = true;    // false: the next publication is of the `last`, and sets the position
  };
  static v1::Subscription Ask(const std::string& group_id, Entry& entry);

  absl::flat_hash_map<std::string, Entry, StringHash, StringEq> groups_;
  // Groups of which the service is to be told, once each: those that are not asked for, and those
  // that it still gives though they are not held.
  absl::flat_hash_set<std::string> changed_;
};

}  // namespace channel
