// The service's accept loop: takes connections and hands them to gRPC.
//
// gRPC 1.51 never accepts again after one accept that failed for want of file descriptors
// (CVE-2023-4785 and its kin). So the service accepts itself: on one thread, with a reserve of
// descriptors that connections may not use, and one more descriptor to take and close a connection
// when none is left. A connection that is refused is closed at once, counted and logged (at most
// once a second).
#pragma once

#include <grpcpp/server_builder.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "channel_service/base/metrics.h"

namespace channel {

class Acceptor {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // `refused` counts connections that were closed at once.
  explicit Acceptor(prometheus::Counter& refused) : refused_(refused) {}
  ~Acceptor();

  // Binds and listens, so that a taken port is reported before anything else starts. Returns the
  // address.
  absl::StatusOr<Endpoint> Listen(const Endpoint& endpoint);

  // Hands connections to `target` until Stop.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> target);
  void Stop();

 private:
  void Run();
  void AcceptReady();
  void RefuseOne();
  void LogRefusal(const char* why);

  prometheus::Counter& refused_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> target_;
  std::thread thread_;
  int listen_fd_ = -1;
  int stop_fd_ = -1;     // eventfd: readable when Stop was called
  int reserve_fd_ = -1;  // closed for a moment to refuse a connection when no descriptor is left
  int connection_fd_max_ = 0;
  std::chrono::steady_clock::time_point next_log_{};
};

}  // namespace channel
