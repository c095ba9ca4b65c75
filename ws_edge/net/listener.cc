#include "ws_edge/net/listener.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <utility>

#include "channel_service/base/address.h"
#include "ws_edge/limits.h"

namespace edge {
namespace {

constexpr int kBacklog = 4096;

using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
using boost::asio::ip::tcp;

}  // namespace

Listener::Listener(boost::asio::io_context& loop, OnConnection on_connection)
    : acceptor_(loop.get_executor()),
      retry_timer_(loop.get_executor()),
      on_connection_(std::move(on_connection)) {}

absl::StatusOr<Listener::Endpoint> Listener::Listen(const Endpoint& endpoint) {
  boost::system::error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.set_option(ReusePort(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(kBacklog, error);
  if (!error) acceptor_.non_blocking(true, error);
  if (error) {
    return absl::UnavailableError(
        fmt::format("cannot listen on {}: {}", channel::ToString(endpoint), error.message()));
  }
  StartAccept();
  return acceptor_.local_endpoint();
}

void Listener::Stop() {
  boost::system::error_code error;
  while (acceptor_.is_open()) {
    Endpoint peer;
    Socket socket(acceptor_.get_executor());
    acceptor_.accept(socket, peer, error);
    if (error) break;
    on_connection_(std::move(socket), peer);
  }
  acceptor_.close(error);
  retry_timer_.cancel();
}

void Listener::StartAccept() {
  acceptor_.async_accept(peer_, [this](const boost::system::error_code& error, Socket socket) {
    if (!acceptor_.is_open()) return;
    if (!error) {
      on_connection_(std::move(socket), peer_);
      StartAccept();
      return;
    }
    spdlog::warn("cannot accept a connection: {}", error.message());
    retry_timer_.expires_after(std::chrono::milliseconds(100));
    retry_timer_.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) StartAccept();
    });
  });
}

void RefuseConnection(Socket socket, const char* why) {
  const std::string body = fmt::format("{}\n", why);
  const std::string answer = fmt::format(
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n"
      "Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}",
      body.size(), body);
  ::send(socket.native_handle(), answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // Closing with an unread request would reset the connection, and our answer would be lost.
  char request[kHttpHeaderBytesMax];
  ::recv(socket.native_handle(), request, sizeof request, MSG_DONTWAIT);
  boost::system::error_code ignored;
  socket.shutdown(Socket::shutdown_both, ignored);
}

}  // namespace edge
