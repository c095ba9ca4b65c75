// The admin address: a small HTTP server for operators and their scripts (/healthz, /readyz,
// /metrics …).
//
// main owns it; it runs on the io_context it is given and calls its handlers there. Bounds: at most
// kAdminConnectionsMax connections, each of which sends its request within kRequestTimeout and is
// closed after one answer or kTimeout. A new one takes the place of the oldest that is not being
// answered, so that a health check gets through; if all are being answered, it gets 503. A
// connection that fails ends alone. Requests are answered under addresses, localhost and the names
// that are allowed; under another one, which a foreign page may have made to mean this machine (DNS
// rebinding), with 421.
#pragma once

#include <prometheus/registry.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "channel_service/base/descriptors.h"
#include "channel_service/http/listener.h"

namespace channel {

struct AdminAnswer {
  unsigned status = 200;
  std::string body;  // text/plain
};

class AdminServer {
 public:
  using Handler = std::function<AdminAnswer()>;
  using Endpoint = Listener::Endpoint;

  static constexpr std::chrono::seconds kTimeout{10};
  static constexpr std::chrono::seconds kRequestTimeout{2};

  explicit AdminServer(boost::asio::io_context& loop);

  // `handler` answers GET `path`. Before Listen.
  void Handle(const std::string& path, Handler handler);

  // Names under which requests are answered, too: "a.example", "*.a.example:2207". Before Listen.
  // INVALID_ARGUMENT names the one that is none.
  absl::Status AllowNames(const std::vector<std::string>& names);

  // Adds /healthz, /readyz and /metrics. `alive`: the loop turns. `unready_reason`: empty when
  // ready.
  void HandleStandardPaths(std::shared_ptr<prometheus::Registry> registry,
                           std::function<bool()> alive,
                           std::function<std::string()> unready_reason);

  // Binds and starts to accept; returns the bound address (with the port chosen for port 0).
  absl::StatusOr<Endpoint> Listen(const Endpoint& endpoint);

 private:
  class Routes;
  class Visit;

  void OnConnection(Socket socket);
  bool MakeRoom();

  Listener listener_;
  // Each connection holds them; it may outlive the server until the loop is destroyed.
  std::shared_ptr<Routes> routes_;
};

}  // namespace channel
