// One group on this edge: its members, its newest publications, and its cursor upstream.
//
// Made by the group table with the first member, gone with the last (and with it the subscription
// upstream); loop thread only. A publication goes to the members whose position is before it, and
// moves it there: so what a resumption, a restart of the service or another member's request brings
// again reaches those who miss it and nobody else. The ring bounds what is kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "channel_service/base/clock.h"
#include "ws_edge/groups/catch_up.h"
#include "ws_edge/groups/context.h"
#include "ws_edge/groups/members.h"
#include "ws_edge/groups/recent_ring.h"
#include "ws_edge/protocol/command.h"
#include "ws_edge/upstream/subscription.h"

namespace edge {

class Group final : private Subscription::Observer {
 public:
  Group(GroupsContext& context, std::string_view id);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  const std::string& id() const { return subscription_.group_id(); }
  bool empty() const { return members_.empty(); }
  // The subscription upstream is in force: what is sent from now on is seen here.
  bool confirmed() const { return subscription_.confirmed(); }
  // Somebody waits; then OnTick is to be called.
  bool has_requests() const { return !catch_up_.empty(); }

  // A member gets nothing before Begin.
  void Add(Participant& participant) { members_.Add(participant); }
  void Remove(Participant& participant);

  // A member's commands; see CatchUp. True: it is answered.
  bool Begin(Participant& participant, const Command& command, channel::SteadyTime came_at) {
    return catch_up_.Begin(participant, command, came_at);
  }
  bool History(Participant& participant, const Command& command, channel::SteadyTime came_at) {
    return catch_up_.History(participant, command, came_at);
  }
  void OnTick(std::vector<Participant*>* given_up) { catch_up_.OnTick(given_up); }

  // Frees the recent publications.
  void DropRecent();

 private:
  struct Frames;

  // Subscription::Observer. A publication that is alone in its turn is written at once.
  void OnSubscribed(Subscription::Answer answer) override;
  bool OnGap(const Subscription::Gap& gap) override;
  void OnPublication(const channel::v1::Publication& publication, bool due, bool alone) override;

  // kAlone: the frame is alone in its turn. Returns how many members got it.
  template <bool kAlone>
  size_t FanOut(Frames& frames, bool due);
  void StartRecent(Subscription::Answer answer);
  void Remember(Frames& frames, bool due);
  template <typename Change>
  void ChangeRecent(Change change);

  GroupsContext& context_;
  Subscription subscription_;
  Members members_;
  RecentRing recent_;
  RecentBudget::Place recent_place_;  // valid while something is held
  CatchUp catch_up_;
};

}  // namespace edge
