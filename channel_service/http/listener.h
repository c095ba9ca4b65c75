// A TCP port on which connections are accepted.
//
// Loop thread. When no descriptor is left it pauses for 100 ms: connections wait in the backlog
// meanwhile.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <functional>

#include "absl/status/statusor.h"
#include "channel_service/base/log_gate.h"
#include "channel_service/http/socket.h"

namespace channel {

class Listener {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;
  using OnConnection = std::function<void(Socket)>;

  // kShared: several processes may listen on the port; the kernel spreads connections over them
  // (SO_REUSEPORT).
  enum class Port { kOwn, kShared };

  Listener(boost::asio::io_context& loop, OnConnection on_connection);

  // Returns the bound address, or UNAVAILABLE with the reason if the address cannot be bound.
  // `receive_buffer_bytes`: what the kernel may hold of each connection until it is read
  // (SO_RCVBUF, which the kernel doubles); 0: as the system has it.
  absl::StatusOr<Endpoint> Listen(const Endpoint& endpoint, Port port,
                                  int receive_buffer_bytes = 0);

  // Accepts the connections that wait in the backlog (closing would reset them), then closes.
  void Stop();

 private:
  void StartAccept();

  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, LoopExecutor> acceptor_;
  LoopTimer retry_timer_;
  const OnConnection on_connection_;
  LogGate failures_log_;
};

}  // namespace channel
