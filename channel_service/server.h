// The channel service: wires engine, hub, calls, accept loop and gRPC, and stops them in two
// phases.
//
// main makes and destroys it. Start returns when the port listens; the loop then runs on a thread
// of its own, which owns engine and hub. Stop may be called from any other thread.
#pragma once

#include <grpcpp/server.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "channel_service/base/clock.h"
#include "channel_service/base/metrics.h"
#include "channel_service/base/watchdog.h"
#include "channel_service/engine/engine.h"
#include "channel_service/hub/hub.h"
#include "channel_service/limits.h"
#include "channel_service/rpc/acceptor.h"
#include "channel_service/rpc/completion_loop.h"
#include "channel_service/rpc/context.h"

namespace channel {

// Where a server listens: one address at least.
struct ListenAddresses {
  std::vector<boost::asio::ip::tcp::endpoint> tcp;
  std::vector<std::string> unix_paths;
};

class ChannelServer {
 public:
  // `limits` and `registry` must outlive the server.
  ChannelServer(const ServiceLimits& limits, prometheus::Registry& registry,
                std::unique_ptr<Engine> engine);
  ~ChannelServer();

  // Binds, then serves. Returns the addresses, as --listen takes them. UNAVAILABLE if one cannot be
  // bound.
  absl::StatusOr<std::string> Start(const ListenAddresses& addresses);

  // Refuses new work, ends streams with UNAVAILABLE "draining", waits for calls at most
  // `drain_time`, then ends what is left. Once.
  void Stop(std::chrono::milliseconds drain_time);

  // Why publications cannot be taken; empty if they can.
  std::string unready_reason() const { return ready_ ? engine_->unready_reason() : "draining"; }
  // True if the loop has turned within the last 5 seconds.
  bool alive() const;

 private:
  absl::StatusOr<std::string> Listen(const ListenAddresses& addresses);
  void OnTick();
  void SetGauges();
  // Sets `idle` when no call is left.
  void StartWaitIdle(std::promise<void>* idle);

  const ServiceLimits& limits_;
  std::unique_ptr<Engine> engine_;
  HubMetrics hub_metrics_;
  PublishMetrics publish_metrics_;
  prometheus::Gauge& groups_gauge_;
  prometheus::Gauge& history_gauge_;
  prometheus::Gauge& dedup_window_gauge_;
  ConnectionGuard guard_;
  Acceptor acceptor_;
  AsyncService service_;
  HealthService health_service_;
  ReflectionServices reflection_;
  Hub hub_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  QueueTotal queue_total_;
  std::unique_ptr<CompletionLoop> loop_;
  std::unique_ptr<RpcContext> context_;
  std::thread thread_;
  std::optional<Watchdog> watchdog_;  // of the loop
  std::atomic<bool> ready_ = false;
};

}  // namespace channel
