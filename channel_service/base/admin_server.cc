#include "channel_service/base/admin_server.h"

#include <spdlog/spdlog.h>

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <memory>
#include <utility>

#include "channel_service/base/address.h"

namespace channel {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using net::ip::tcp;

// A connection: one request, one answer, then the end.
class AdminServer::Connection : public std::enable_shared_from_this<AdminServer::Connection> {
 public:
  Connection(tcp::socket socket, AdminServer* server)
      : server_(server), count_(server->connections_), stream_(std::move(socket)) {
    ++*count_;
  }
  ~Connection() { --*count_; }

  void Start() {
    stream_.expires_after(kTimeout);
    http::async_read(stream_, buffer_, request_,
                     [self = shared_from_this()](beast::error_code error, size_t) {
                       if (!error) self->Answer();
                     });
  }

 private:
  void Answer() {
    const std::string target(request_.target().substr(0, request_.target().find('?')));
    AdminAnswer answer;
    if (request_.method() != http::verb::get && request_.method() != http::verb::head) {
      answer = {405, "only GET is served here\n"};
    } else if (const auto found = server_->handlers_.find(target);
               found != server_->handlers_.end()) {
      answer = found->second();
    } else {
      answer = {404, "not found; served here:" + Paths() + "\n"};
    }
    response_.result(answer.status);
    response_.version(request_.version());
    response_.set(http::field::content_type, "text/plain; charset=utf-8");
    response_.set(http::field::cache_control, "no-store");
    response_.keep_alive(false);
    response_.body() = std::move(answer.body);
    response_.prepare_payload();
    if (request_.method() == http::verb::head) response_.body().clear();
    stream_.expires_after(kTimeout);
    http::async_write(stream_, response_, [self = shared_from_this()](beast::error_code, size_t) {
      beast::error_code ignored;
      self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    });
  }

  std::string Paths() const {
    std::string paths;
    for (const auto& [path, handler] : server_->handlers_) paths += " " + path;
    return paths;
  }

  AdminServer* const server_;
  const std::shared_ptr<int> count_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{kRequestBytesMax};
  http::request<http::empty_body> request_;
  http::response<http::string_body> response_;
};

AdminServer::AdminServer(net::io_context& loop) : acceptor_(loop), retry_timer_(loop) {}

void AdminServer::Handle(const std::string& path, Handler handler) {
  handlers_[path] = std::move(handler);
}

absl::StatusOr<AdminServer::Endpoint> AdminServer::Listen(const Endpoint& endpoint) {
  beast::error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(net::socket_base::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(kConnectionsMax, error);
  if (error) {
    return absl::UnavailableError(
        fmt::format("cannot listen on {}: {}", ToString(endpoint), error.message()));
  }
  StartAccept();
  return acceptor_.local_endpoint();
}

void AdminServer::StartAccept() {
  acceptor_.async_accept([this](beast::error_code error, tcp::socket socket) {
    if (error == net::error::operation_aborted) return;
    if (!error && *connections_ < kConnectionsMax) {
      std::make_shared<Connection>(std::move(socket), this)->Start();
    }
    if (!error) {
      StartAccept();
      return;
    }
    // No descriptor is left: accepting again at once would turn the loop at full speed.
    retry_timer_.expires_after(std::chrono::milliseconds(100));
    retry_timer_.async_wait([this](beast::error_code stopped) {
      if (!stopped) StartAccept();
    });
  });
}

}  // namespace channel
