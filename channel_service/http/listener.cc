#include "channel_service/http/listener.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <utility>

#include "channel_service/base/address.h"

namespace channel {
namespace {

constexpr int kBacklog = 4096;

using ReusePort = boost::asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;
using boost::asio::ip::tcp;

}  // namespace

Listener::Listener(boost::asio::io_context& loop, OnConnection on_connection)
    : acceptor_(loop.get_executor()),
      retry_timer_(loop.get_executor()),
      on_connection_(std::move(on_connection)) {}

absl::StatusOr<Listener::Endpoint> Listener::Listen(const Endpoint& endpoint, Port port,
                                                    int receive_buffer_bytes) {
  boost::system::error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.set_option(ReusePort(port == Port::kShared), error);
  // Before listening, so that the window of a connection fits from its first segment on.
  if (!error && receive_buffer_bytes > 0) {
    acceptor_.set_option(boost::asio::socket_base::receive_buffer_size(receive_buffer_bytes),
                         error);
  }
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(kBacklog, error);
  if (!error) acceptor_.non_blocking(true, error);
  if (error) {
    return absl::UnavailableError(
        fmt::format("cannot listen on {}: {}", ToString(endpoint), error.message()));
  }
  StartAccept();
  return acceptor_.local_endpoint();
}

void Listener::Stop() {
  boost::system::error_code error;
  while (acceptor_.is_open()) {
    Socket socket(acceptor_.get_executor());
    acceptor_.accept(socket, error);
    if (error) break;
    on_connection_(std::move(socket));
  }
  acceptor_.close(error);
  retry_timer_.cancel();
}

void Listener::StartAccept() {
  acceptor_.async_accept([this](const boost::system::error_code& error, Socket socket) {
    if (error == boost::asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (!error) {
      on_connection_(std::move(socket));
      StartAccept();
      return;
    }
    if (const auto left_out = failures_log_.Pass(std::chrono::steady_clock::now());
        left_out.has_value()) {
      spdlog::warn("cannot accept a connection: {} ({} times more since the last such line)",
                   error.message(), *left_out);
    }
    retry_timer_.expires_after(std::chrono::milliseconds(100));
    retry_timer_.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) StartAccept();
    });
  });
}

}  // namespace channel
