// The requests of a group's members that wait for publications which are not here: joins from a
// position, histories, and members that were slow.
//
// Owned by the group; loop thread only. A request is answered from the recent publications if they
// hold what it asks for. Otherwise the group subscribes again upstream, from the oldest position
// asked for: one such *fetch* is on its way at a time, for all who wait. The gap that answers it is
// proven for the position that was asked from and those before it. At a later one perhaps nothing
// is missing: its member waits until a fetch from there, or from one that proves it, is answered;
// each such fetch begins at the median of these positions. Bounds:
// publish_timeout for each request, then `unavailable` (a plain member, which is told nothing, may
// have kWaitingRequestsMax); a fetch each kSweepInterval, and more only for members that live
// publications pass by.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "channel_service/base/clock.h"
#include "ws_edge/groups/context.h"
#include "ws_edge/groups/members.h"
#include "ws_edge/groups/recent_ring.h"
#include "ws_edge/groups/request.h"
#include "ws_edge/groups/start.h"
#include "ws_edge/protocol/command.h"
#include "ws_edge/upstream/subscription.h"

namespace edge {

class CatchUp {
 public:
  // All are the group's, and outlive this.
  CatchUp(GroupsContext& context, Group* group, Subscription& subscription, Members& members,
          const RecentRing& recent)
      : context_(context),
        group_(group),
        subscription_(subscription),
        members_(members),
        recent_(recent),
        starts_(subscription, recent) {}

  bool empty() const { return requests_.empty(); }
  // Returns whether some request is answered only when everything it asks for is here.
  bool wants_whole() const;

  // Lets the member begin where its add_group says; also moves one that has begun. Returns true if
  // the command needs no answer any more.
  bool Begin(Participant& participant, const Command& command, channel::SteadyTime came_at);
  // Answers a member's `history`. Returns true if it is answered.
  bool History(Participant& participant, const Command& command, channel::SteadyTime came_at);
  // Lets a member that is late go on when it has read enough.
  void Wait(Member& member);
  // Drops a member's requests without an answer. A member with envelopes has some only when its
  // session is over, since a leave waits for them.
  void Forget(const Participant& participant);

  // Answers what can be answered now, and asks upstream for the rest.
  void Serve();
  // Goes on with members that were late and slow, and gives up requests that have waited too long.
  // Appends participants whose join was given up: they are to be removed. A few times a second.
  void OnTick(std::vector<Participant*>* given_up);

 private:
  static Request RequestOf(Request::Kind kind, Participant& participant, const Command& command,
                           channel::SteadyTime came_at);
  const std::string& group_id() const { return subscription_.group_id(); }
  bool Ask(Request request);
  void OnAnswered(const Request& request);
  bool TryServe(const Request& request);
  bool Ready(const Request& request) const;
  void Admit(const Request& request, const Start& start);
  void Replay(Member& member);
  void AnswerHistory(const Request& request, const Start& start);
  void Refuse(const Request& request, ErrorCode code, std::string_view why);
  void FetchIfNeeded();

  GroupsContext& context_;
  Group* const group_;
  Subscription& subscription_;
  Members& members_;
  const RecentRing& recent_;
  const StartFinder starts_;
  std::vector<Request> requests_;
  channel::SteadyTime fetched_at_ = {};
};

}  // namespace edge
