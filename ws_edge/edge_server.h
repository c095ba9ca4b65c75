// The edge: wires listener, sessions, groups and link, closes overdue sessions, and drains.
//
// Made by main on its loop, which owns all state. Sessions are kept in kPingBuckets parts by their
// id; each turn of the ping timer pings one part and closes those of an earlier part that did not
// answer.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "channel_service/base/clock.h"
#include "channel_service/http/listener.h"
#include "ws_edge/groups/group_table.h"
#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/net/connection_places.h"
#include "ws_edge/net/corked_stream.h"
#include "ws_edge/net/edge_http.h"
#include "ws_edge/session/service_notice.h"
#include "ws_edge/session/session.h"
#include "ws_edge/session/session_deadlines.h"
#include "ws_edge/upstream/grpc_poller.h"
#include "ws_edge/upstream/link.h"

namespace edge {

struct EdgeOptions {
  std::string name;
  std::string instance;  // unique over all edges and their restarts
  AccessRules access;
  EdgeLimits limits;
  LinkOptions link;
};

class EdgeServer final : private SessionObserver {
 public:
  using Endpoint = channel::Listener::Endpoint;

  EdgeServer(boost::asio::io_context& loop, EdgeOptions options, const channel::Clock& clock,
             prometheus::Registry& registry);
  ~EdgeServer();

  // Binds, connects to the channel service and serves. UNAVAILABLE if the address cannot be bound.
  absl::StatusOr<Endpoint> Start(const Endpoint& endpoint);

  // Takes no new sessions, closes the open ones, spread over at most drain_time, waits for the last
  // publications, then calls `done`. A second call closes all at once.
  void Drain(std::function<void()> done);

  // Says why clients cannot be served; empty if they can.
  std::string unready_reason() const;
  // Returns one line for each session.
  std::string DescribeSessions() const;

 private:
  using Sessions = absl::flat_hash_map<uint64_t, std::shared_ptr<Session>>;

  void OnConnection(Socket socket);
  void OnUpgrade(Socket socket, const Upgrade& upgrade);
  std::string WhyNoPlace(const Endpoint& client) const;
  // The same for the public port, without the addresses of the channel services.
  std::string_view unready_summary() const;
  Session* FindSession(uint64_t id);
  Sessions& BucketOf(uint64_t session_id) { return buckets_[session_id % kPingBuckets]; }
  std::vector<std::shared_ptr<Session>> AllSessions() const;

  void StartSweepTimer();
  void StartPingTimer();
  void PingNextBucket();
  void CloseSilentSessions();
  void DrainSome();
  void FinishDrain(std::chrono::milliseconds patience);

  // SessionObserver
  void OnCommand(Session* session, Command&& command) override;
  void OnSessionOver(Session* session, const CloseReason& reason) override;
  void OnSessionClosing(Session* session) override;
  void OnMessageIncomplete(Session* session, bool incomplete) override;
  void OnReadHeld(Session* session) override;

  const EdgeOptions options_;
  const channel::Clock& clock_;
  EdgeMetrics metrics_;
  LoopFlushList flush_list_;
  GrpcPoller poller_;
  Link link_;
  GroupTable groups_;
  ServiceNotice service_notice_;
  SessionContext session_context_;
  RefusalLog refusal_log_;
  ConnectionPlaces places_;
  HttpContext http_context_;
  channel::Listener listener_;
  boost::asio::steady_timer sweep_timer_;
  boost::asio::steady_timer ping_timer_;

  std::array<Sessions, kPingBuckets> buckets_;
  uint64_t last_session_id_ = 0;
  uint64_t ping_turn_ = 0;
  channel::SteadyTime next_ping_at_;
  SessionDeadlines deadlines_;

  bool draining_ = false;
  std::function<void()> on_drained_;
  std::vector<std::shared_ptr<Session>> to_drain_;
  size_t drain_per_sweep_ = 0;
  std::chrono::milliseconds drain_reconnect_max_{0};  // the window that clients are told
  channel::SteadyTime drain_until_;
};

}  // namespace edge
