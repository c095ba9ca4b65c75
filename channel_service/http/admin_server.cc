#include "channel_service/http/admin_server.h"

#include <prometheus/text_serializer.h>

#include <memory>
#include <utility>

#include "channel_service/base/metrics.h"
#include "channel_service/http/connection.h"

namespace channel {

namespace http = boost::beast::http;

// The handlers by path, and the count of the connections that they serve.
class AdminServer::Routes {
 public:
  void Add(const std::string& path, Handler handler) { handlers_[path] = std::move(handler); }

  HttpResponse Answer(const HttpRequest& request) const {
    std::optional<Authority> host;
    if (const auto refusal = CheckHost(request, &host); refusal.has_value()) {
      return TextAnswer(refusal->status, refusal->why);
    }
    if (auto refused = RefuseMethod(request); refused.has_value()) return *std::move(refused);
    RequestTarget target;
    if (const auto refusal = CheckTarget(request, &target); refusal.has_value()) {
      return TextAnswer(refusal->status, refusal->why);
    }
    const auto found = handlers_.find(target.path);
    if (found == handlers_.end()) {
      return TextAnswer(http::status::not_found, "not found; served here:" + Paths());
    }
    const AdminAnswer answer = found->second();
    return TextAnswer(http::int_to_status(answer.status), answer.body);
  }

  int connections = 0;

 private:
  std::string Paths() const {
    std::string paths;
    for (const auto& [path, handler] : handlers_) paths += " " + path;
    return paths;
  }

  std::map<std::string, Handler> handlers_;
};

// A connection; has a place among those that are counted.
class AdminServer::Visit final : public HttpHandler {
 public:
  explicit Visit(std::shared_ptr<Routes> routes) : routes_(std::move(routes)) {
    ++routes_->connections;
  }
  ~Visit() override { --routes_->connections; }

  void OnRequest(HttpConnection& connection) override {
    connection.Answer(routes_->Answer(connection.request()));
  }
  void OnBadRequest(HttpConnection& connection, const Refusal& refusal) override {
    connection.Answer(TextAnswer(refusal.status, refusal.why));
  }

 private:
  const std::shared_ptr<Routes> routes_;
};

AdminServer::AdminServer(boost::asio::io_context& loop)
    : listener_(loop, [this](Socket socket) { OnConnection(std::move(socket)); }),
      routes_(std::make_shared<Routes>()) {}

void AdminServer::Handle(const std::string& path, Handler handler) {
  routes_->Add(path, std::move(handler));
}

void AdminServer::HandleStandardPaths(std::shared_ptr<prometheus::Registry> registry,
                                      std::function<bool()> alive,
                                      std::function<std::string()> unready_reason) {
  Handle("/healthz", [alive = std::move(alive)] {
    return alive() ? AdminAnswer{200, "ok"} : AdminAnswer{503, "the loop does not turn"};
  });
  Handle("/readyz", [unready_reason = std::move(unready_reason)] {
    const std::string why = unready_reason();
    return why.empty() ? AdminAnswer{200, "ready"} : AdminAnswer{503, why};
  });
  Handle("/metrics", [registry = std::move(registry)] {
    auto families = registry->Collect();
    for (auto& family : ProcessMetrics().Collect()) families.push_back(std::move(family));
    return AdminAnswer{200, prometheus::TextSerializer().Serialize(families)};
  });
}

absl::StatusOr<AdminServer::Endpoint> AdminServer::Listen(const Endpoint& endpoint) {
  return listener_.Listen(endpoint, Listener::Port::kOwn);
}

void AdminServer::OnConnection(Socket socket) {
  if (routes_->connections >= kAdminConnectionsMax) {
    RefuseConnection(std::move(socket), "too many connections to the admin address");
    return;
  }
  std::make_shared<HttpConnection>(
      std::move(socket), std::make_unique<Visit>(routes_),
      HttpTimes{.request_until = std::chrono::steady_clock::now() + kTimeout, .answer = kTimeout})
      ->Start();
}

}  // namespace channel
