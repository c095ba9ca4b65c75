// The service's accept loop: takes connections and hands them to gRPC.
//
// gRPC 1.51 never accepts again after one accept that failed for want of file descriptors
// (CVE-2023-4785 and its kin). So the service accepts itself: on one thread, with a reserve of
// descriptors that connections may not use, and one more descriptor to take and close a connection
// when none is left. The guard has a duplicate of each connection's descriptor, and a say in who is
// taken. A connection that is refused is closed at once, counted and logged (at most once a
// second).
//
// The loop's thread hands a connection to gRPC, while the accept thread waits. If bytes have come
// by then, gRPC reads them on the thread that hands over, as long as more come: on the accept
// thread the guard would not see that, and nobody else would be accepted.
#pragma once

#include <grpcpp/server_builder.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "channel_service/base/log_gate.h"
#include "channel_service/base/metrics.h"
#include "channel_service/rpc/completion_loop.h"
#include "channel_service/rpc/connection_guard.h"

namespace channel {

// Connections that this process may have at most: each takes two descriptors.
size_t ConnectionsMax();

class Acceptor {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // `refused` counts connections that were closed at once.
  Acceptor(prometheus::Counter& refused, ConnectionGuard& guard)
      : refused_(refused), guard_(guard) {}
  ~Acceptor();

  // Gets the descriptors that it needs.
  absl::Status Open();

  // Bind and listen, so that what is taken is reported before anything else starts. The first
  // returns the address. A Unix socket gets the mode 0660; one that a process left behind is
  // replaced.
  absl::StatusOr<Endpoint> Listen(const Endpoint& endpoint);
  absl::Status ListenUnix(const std::string& path);

  // Hands connections to `target` on `loop` until Stop.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> target,
             CompletionLoop& loop);
  void Stop();

 private:
  struct Listener {
    int fd = -1;
    std::string unix_path;  // empty: TCP
  };

  void Run();
  void CloseListeners();
  void AcceptReady(const Listener& listener);
  absl::Status Admit(const Listener& listener, int fd, const Endpoint& peer);
  void RefuseOne(const Listener& listener);
  void LogRefusal(std::string_view why);

  prometheus::Counter& refused_;
  ConnectionGuard& guard_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> target_;
  CompletionLoop* loop_ = nullptr;
  std::thread thread_;
  std::vector<Listener> listeners_;
  int stop_fd_ = -1;        // eventfd: readable when Stop was called
  int reserve_fd_ = -1;     // closed for a moment to refuse a connection when no descriptor is left
  int descriptor_end_ = 0;  // connections and their duplicates are numbered below
  LogGate refusals_log_;
};

}  // namespace channel
