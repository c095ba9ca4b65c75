// The shared port: every edge process listens on it with SO_REUSEPORT and the kernel spreads
// connections.
//
// Owned by the edge server, loop thread. Over `connections_max`, and while draining, a connection
// is answered with 503 and closed. When no descriptor is left it pauses for 100 ms: connections
// wait in the backlog meanwhile.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <functional>

#include "absl/status/statusor.h"
#include "ws_edge/net/corked_stream.h"

namespace edge {

class Listener {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;
  using OnConnection = std::function<void(Socket, const Endpoint& peer)>;

  Listener(boost::asio::io_context& loop, OnConnection on_connection);

  // Returns the bound address, or UNAVAILABLE with the reason if the address cannot be bound.
  absl::StatusOr<Endpoint> Listen(const Endpoint& endpoint);

  // Accepts the connections that wait in the backlog (closing would reset them), then closes.
  void Stop();

 private:
  void StartAccept();

  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, LoopExecutor> acceptor_;
  boost::asio::basic_waitable_timer<
      std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>
      retry_timer_;
  const OnConnection on_connection_;
  Endpoint peer_;
};

// Sends a short 503 with Retry-After, as far as the socket takes it at once, and closes.
void RefuseConnection(Socket socket, const char* why);

}  // namespace edge
