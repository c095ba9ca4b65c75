// One group on this edge: its members, its newest publications, and the requests that wait for
// publications which are not here.
//
// Made by the router with the first member, gone with the last (and with it the subscription
// upstream); loop thread only. Each member has a position: a publication goes to the members whose
// position is before it, and moves it there. So what a resumption, a restart of the service or
// another member's request brings again reaches those who miss it and nobody else. A member that
// asks for more than the recent publications waits until the group has subscribed again upstream,
// from the oldest position asked for: one such *fetch* is on its way at a time, for all who wait.
// The gap that answers it is proven for the position that was asked from and those before it; at a
// later one perhaps nothing is missing, and its member waits until the channel service was asked
// from there. Bounds: the ring's (while a history is fetched whole: that of the channel service),
// publish_timeout for each request, then `unavailable` (a plain member, which is told nothing, may
// have kWaitingRequestsMax); a fetch each kSweepInterval, and more only for members that live
// publications pass by.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/base/clock.h"
#include "channel_service/model/publication.h"
#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/net/frame.h"
#include "ws_edge/protocol/command.h"
#include "ws_edge/recent_ring.h"
#include "ws_edge/upstream/subscription.h"
#include "ws_edge/upstream/subscription_table.h"

namespace edge {

class CorkedStream;
class Session;

class Group;

// What all groups share; owned by the router.
struct GroupContext {
  const EdgeLimits& limits;
  EdgeMetrics& metrics;
  const channel::Clock& clock;
  SubscriptionTable& subscriptions;
  size_t recent_bytes = 0;  // of all groups' rings
  // The groups whose rings hold publications, in the order of their newest ones: the oldest first.
  std::list<Group*> by_use = {};
  // Commands of sessions with envelopes that were answered since the router looked last.
  struct Answered {
    uint64_t session_id;
    std::string group_id;
    uint64_t number = 0;       // of its GroupCommands::Entry; 0: of the first one
    FramePtr frame = nullptr;  // to be given in its turn; null: it was given
  };
  std::vector<Answered> answered = {};
  // Groups that may have become confirmed, or got requests, since the router looked last.
  absl::flat_hash_set<Group*> changed = {};
};

class Group final : private Subscription::Observer {
 public:
  Group(GroupContext& context, std::string_view id);
  ~Group();
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  const std::string& id() const { return id_; }
  bool empty() const { return members_.empty(); }
  // The subscription upstream is in force: what is sent from now on is seen here.
  bool confirmed() const { return subscription_.confirmed(); }
  // Somebody waits; then OnTick is to be called.
  bool has_requests() const { return !requests_.empty(); }

  // A member; returns its place. It gets nothing before Begin.
  uint32_t AddMember(Session* session);
  // Where the member begins, by its add_group; also moves one that has begun. True: it is answered.
  bool Begin(Session* session, const Command& command, channel::SteadyTime came_at);
  // Answers a member's `history`. True: it is answered.
  bool History(Session* session, const Command& command, channel::SteadyTime came_at);
  // Returns the session that takes the place, or null. The member's requests go with it, without an
  // answer: with envelopes only of a session that is over, since a leave waits for them.
  Session* RemoveMember(uint32_t place);

  // A few times a second: goes on with members that were behind and slow, gives up what has waited
  // too long. Appends sessions whose join was given up: they are to be removed.
  void OnTick(std::vector<Session*>* given_up);

  // Frees the recent publications.
  void DropRecent();

 private:
  struct Member {
    Session* session;
    CorkedStream* stream;  // of the session
    uint64_t position;     // has everything up to here; kNotBegun: nothing yet
    uint16_t requests;     // of its own that wait
    bool enveloped;
    bool waiting;  // a request decides where it begins or goes on; it gets nothing meanwhile
  };
  static constexpr uint64_t kNotBegun = UINT64_MAX;

  // What a session waits for. kCatchUp: a member that is behind goes on when it has read enough.
  enum class RequestKind : uint8_t { kJoin, kHistory, kCatchUp };
  struct Request {
    RequestKind kind;
    Session* session;
    std::string command_id = {};
    std::optional<channel::StreamPosition> since = std::nullopt;
    uint32_t last = 0;
    uint32_t limit = 0;
    channel::SteadyTime began_at = {};
    bool fetched = false;  // the channel service was asked since the request came
    bool from_now_on() const { return kind == RequestKind::kJoin && !since && last == 0; }
    bool all_held() const { return !since && !from_now_on(); }  // or the newest of them
  };
  // Where what a request asks for begins. With a reason: not all of it can be given.
  struct Start {
    uint64_t position;
    const char* gap_reason = nullptr;
    uint64_t gap_after = 0;  // with a reason
  };

  struct Frames;

  // Subscription::Observer. A publication that is alone in its turn is written at once.
  void OnSubscribed(Subscription::Answer answer) override;
  bool OnGap(const Subscription::Gap& gap) override;
  void OnPublication(const channel::v1::Publication& publication, bool due, bool alone) override;

  Member& MemberOf(Session* session);

  // Requests (group_requests.cc).
  static Request RequestOf(RequestKind kind, Session* session, const Command& command,
                           channel::SteadyTime came_at);
  bool Ask(Request request);
  void OnAnswered(const Request& request);
  void ServeRequests();
  bool TryServe(const Request& request);
  bool Ready(const Request& request) const;
  std::optional<Start> FindStart(const Request& request) const;
  std::optional<Start> FindStartSince(const Request& request) const;
  bool IsUndecided(const Request& request) const;
  uint64_t HeadFor(const Request& request, const Start& start) const;
  bool IsOfThisLife(const Request& request) const;
  void Admit(const Request& request, const Start& start);
  void AnswerHistory(const Request& request, const Start& start);
  void Replay(Member& member);
  void Refuse(const Request& request, ErrorCode code, std::string_view why);
  void FetchIfNeeded();

  // Delivery.
  void Wait(Member& member);
  bool QueueIsLong(const Session* session) const;
  void StartRecent(Subscription::Answer answer);
  void AnnounceGap(Member& member, const char* reason, uint64_t after, uint64_t before);
  // kAlone: the frame is alone in its turn.
  template <bool kAlone>
  size_t FanOut(Frames& frames, bool due);
  template <bool kAlone>
  void Deliver(Member& member, uint64_t offset, uint64_t previous_offset, const FramePtr& frame);
  void Remember(Frames& frames, bool due);
  template <typename Change>
  void ChangeRecent(Change change);

  GroupContext& context_;
  const std::string id_;

  Subscription subscription_;
  channel::SteadyTime fetched_at_ = {};

  std::vector<Member> members_;
  size_t enveloped_count_ = 0;
  std::vector<Request> requests_;
  RecentRing recent_;
  std::list<Group*>::iterator by_use_;  // valid while something is held
};

}  // namespace edge
