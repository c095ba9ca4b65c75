// The router: the groups that have members on this edge, and the way of what clients send.
//
// Owned by the edge server; loop thread only. Joins and leaves are local; the first member of a
// group subscribes to it upstream, the last one to go unsubscribes. "A join takes effect before a
// later send": what is sent to a group whose subscription is not confirmed yet waits for the
// confirmation, in order. Sessions with envelopes are answered in the order of their commands of a
// group (command_order.h). Bounds: groups_per_connection_max, kGroupsMax; the groups' recent
// publications recent_bytes_max; sends that wait, for a join or for commands before them,
// publish_queue_bytes_max and publish_timeout, then the sender is told `unavailable` (the same
// bounds hold once more upstream).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "channel_service/base/clock.h"
#include "ws_edge/command_order.h"
#include "ws_edge/group.h"
#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/protocol/command.h"
#include "ws_edge/upstream/link.h"

namespace edge {

class Session;

inline constexpr std::string_view kQueueFull =
    "too much is waiting for the channel service; try again later";

class Router final : public Link::Observer {
 public:
  // Finds a session by its id; null if it is gone.
  using FindSession = std::function<Session*(uint64_t session_id)>;

  Router(const EdgeLimits& limits, EdgeMetrics& metrics, const channel::Clock& clock, Link& link,
         FindSession find_session);
  ~Router();

  // A session's command on a group; answers and errors go to the session.
  void OnCommand(Session* session, Command command);
  // The session is over. What it sent is published all the same.
  void LeaveAll(Session* session);

  // Link::Observer
  void OnPublishAnswer(const Sender& sender, const PublishAnswer& answer) override;
  void OnTurnEnd() override;

  // Goes on with what waits, refuses what has waited too long. A few times a second.
  void OnTick();

 private:
  // A send that waits until the subscription of its group is confirmed.
  struct WaitingSend {
    uint64_t session_id;
    Command command;
    uint64_t number;
    channel::SteadyTime since;
  };

  Group* Find(std::string_view group_id);
  Group* FindOrAdd(std::string_view group_id);
  // The session's membership of the group; its number of memberships if it is not a member.
  size_t FindMembership(Session* session, const Group* group) const;
  void RemoveMember(Session* session, size_t membership);

  // The order of answers (router_order.cc).
  void Defer(Session* session, GroupCommands& commands, Command command);
  // Answers that are held and frames that wait are bounded together.
  void CloseIfSlow(Session* session);
  void RefuseOverdueCommands();
  void GoOn();
  void GoOn(Session* session, const std::string& group_id);
  bool BeginWaiting(Session* session, GroupCommands& commands);

  // Each carries a command out. True: it is answered.
  bool BeginLocal(Session* session, const Command& command, channel::SteadyTime came_at);
  bool Join(Session* session, const Command& command, channel::SteadyTime came_at);
  bool History(Session* session, const Command& command, channel::SteadyTime came_at);
  void Leave(Session* session, const Command& command);
  void Send(uint64_t session_id, Command command, uint64_t number, channel::SteadyTime came_at);

  void Forward(uint64_t session_id, Command command, uint64_t number);
  void ForwardWaiting(Group* group);
  void Refuse(const Sender& sender, ErrorCode code, std::string_view why);
  void VisitChanged();
  void RefuseOverdueSends();

  const EdgeLimits& limits_;
  EdgeMetrics& metrics_;
  const channel::Clock& clock_;
  Link& link_;
  const FindSession find_session_;
  GroupContext group_context_;
  absl::flat_hash_map<std::string_view, std::unique_ptr<Group>> group_by_id_;
  absl::flat_hash_set<Group*> groups_with_requests_;
  absl::flat_hash_map<Group*, std::deque<WaitingSend>> waiting_sends_;
  absl::flat_hash_set<uint64_t> sessions_that_wait_;  // ids; some wait no longer
  size_t waiting_bytes_ = 0;                          // of all sends that wait
  uint64_t last_number_ = 0;                          // of a GroupCommands::Entry
  bool going_on_ = false;
};

}  // namespace edge
