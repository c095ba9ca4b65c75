// The admin address: a small HTTP server for operators and their scripts (/healthz, /readyz,
// /metrics …).
//
// main owns it; it runs on the io_context it is given and calls its handlers there. Bounds: at most
// kConnectionsMax connections, each closed after one answer or kTimeout. A connection that fails
// ends alone.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "channel_service/base/descriptors.h"

namespace channel {

struct AdminAnswer {
  unsigned status = 200;
  std::string body;  // text/plain
};

class AdminServer {
 public:
  using Handler = std::function<AdminAnswer()>;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  static constexpr int kConnectionsMax = kAdminConnectionsMax;
  static constexpr size_t kRequestBytesMax = 8192;
  static constexpr std::chrono::seconds kTimeout{10};

  explicit AdminServer(boost::asio::io_context& loop);

  // `handler` answers GET `path`. Before Listen.
  void Handle(const std::string& path, Handler handler);

  // Binds and starts to accept; returns the bound address (with the port chosen for port 0).
  absl::StatusOr<Endpoint> Listen(const Endpoint& endpoint);

 private:
  class Connection;
  void StartAccept();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_timer_;
  std::map<std::string, Handler> handlers_;
  // The count of connections, which may outlive the server until the loop is destroyed.
  std::shared_ptr<int> connections_ = std::make_shared<int>(0);
};

}  // namespace channel
