// The router: one edge's fan-out, group → sessions.
//
// Owned by the edge server; loop thread only. Joins and leaves are local; the first member of a
// group subscribes to it upstream, the last one to go unsubscribes. "A join takes effect before a
// later send": what is sent to a group whose subscription is not confirmed yet waits for the
// confirmation, in order. Bounds: groups_per_connection_max, kGroupsMax; sends that wait for a join
// publish_queue_bytes_max and publish_timeout, then the sender is told `unavailable` (the same
// bounds hold once more upstream).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "channel/v1/channel.pb.h"
#include "channel_service/base/clock.h"
#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/protocol/command.h"

namespace edge {

class Session;
class GroupMembers;

// The way upstream, as the router sees it.
class Upstream {
 public:
  // The confirmation comes back with `tag`.
  virtual void Subscribe(std::string_view group_id, uint64_t tag) = 0;
  virtual void Unsubscribe(std::string_view group_id) = 0;
  // False: the queue of publications is full. Refusals come back with the session's id.
  [[nodiscard]] virtual bool Publish(std::string_view group_id, std::string_view message,
                                     uint64_t session_id) = 0;

 protected:
  ~Upstream() = default;
};

class Router {
 public:
  // Finds a session by its id; null if it is gone.
  using FindSession = std::function<Session*(uint64_t session_id)>;

  Router(const EdgeLimits& limits, EdgeMetrics& metrics, const channel::Clock& clock,
         Upstream& upstream, FindSession find_session);
  ~Router();

  // Joining twice is joining once. False: the session is in groups_per_connection_max groups,
  // or the edge holds kGroupsMax.
  [[nodiscard]] bool Join(Session* session, std::string_view group_id);
  void Leave(Session* session, std::string_view group_id);
  void LeaveAll(Session* session);
  void Send(Session* session, std::string_view group_id, std::string message);

  // From upstream.
  void OnSubscribed(const channel::v1::Subscribed& subscribed);
  void OnPublication(const channel::v1::Publication& publication);
  void OnPublishRefused(uint64_t session_id, ErrorCode code, std::string_view why);

  // Refuses sends that have waited too long. A few times a second.
  void OnTick();

 private:
  GroupMembers* Find(std::string_view group_id);
  void RemoveMember(Session* session, size_t membership);
  void Forward(std::string_view group_id, std::string_view message, uint64_t session_id);
  void ForwardWaiting(GroupMembers* group);

  const EdgeLimits& limits_;
  EdgeMetrics& metrics_;
  const channel::Clock& clock_;
  Upstream& upstream_;
  const FindSession find_session_;
  uint64_t last_tag_ = 0;
  size_t waiting_bytes_ = 0;
  absl::flat_hash_map<std::string_view, std::unique_ptr<GroupMembers>> group_by_id_;
  absl::flat_hash_set<GroupMembers*> groups_with_waiting_;
};

}  // namespace edge
