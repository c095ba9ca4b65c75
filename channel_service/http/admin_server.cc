#include "channel_service/http/admin_server.h"

#include <prometheus/text_serializer.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "channel_service/base/metrics.h"
#include "channel_service/http/connection.h"

namespace channel {

namespace http = boost::beast::http;

// The handlers by path, and the connections that they serve.
class AdminServer::Routes {
 public:
  void Add(const std::string& path, Handler handler) { handlers_[path] = std::move(handler); }

  HttpResponse Answer(const HttpRequest& request) const {
    std::optional<Authority> host;
    if (const auto refusal = CheckHost(request, &host); refusal.has_value()) {
      return TextAnswer(refusal->status, refusal->why);
    }
    if (host.has_value() && !Answers(*host)) {
      return TextAnswer(http::status::misdirected_request,
                        "the header 'Host' must be an address, localhost, or a name of "
                        "--admin_names");
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

  void Allow(AuthorityPattern name) { names_.push_back(std::move(name)); }

  std::vector<std::weak_ptr<HttpConnection>> oldest_first;

 private:
  bool Answers(const Authority& host) const {
    if (IsAddress(host.host) || IsLoopbackName(host.host)) return true;
    return std::any_of(names_.begin(), names_.end(), [&](const AuthorityPattern& name) {
      return name.host.Matches(host.host) && (!name.port.has_value() || name.port == host.port);
    });
  }

  std::string Paths() const {
    std::string paths;
    for (const auto& [path, handler] : handlers_) paths += " " + path;
    return paths;
  }

  std::map<std::string, Handler> handlers_;
  std::vector<AuthorityPattern> names_;
};

// A connection's decisions.
class AdminServer::Visit final : public HttpHandler {
 public:
  explicit Visit(std::shared_ptr<Routes> routes) : routes_(std::move(routes)) {}

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

absl::Status AdminServer::AllowNames(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    auto pattern = ParseAuthorityPattern(name);
    if (!pattern.has_value()) {
      return absl::InvalidArgumentError(
          fmt::format("--admin_names: '{}' is no name; write example.org, *.example.org or "
                      "example.org:2207",
                      name));
    }
    routes_->Allow(*std::move(pattern));
  }
  return absl::OkStatus();
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
  auto& oldest_first = routes_->oldest_first;
  std::erase_if(oldest_first, [](const auto& connection) { return connection.expired(); });
  if (oldest_first.size() >= kAdminConnectionsMax && !MakeRoom()) {
    RefuseConnection(std::move(socket), "too many connections to the admin address");
    return;
  }
  const auto connection = std::make_shared<HttpConnection>(
      std::move(socket), std::make_unique<Visit>(routes_),
      HttpTimes{.request_until = std::chrono::steady_clock::now() + kRequestTimeout,
                .answer = kTimeout});
  oldest_first.push_back(connection);
  connection->Start();
}

bool AdminServer::MakeRoom() {
  auto& oldest_first = routes_->oldest_first;
  const auto found =
      std::find_if(oldest_first.begin(), oldest_first.end(),
                   [](const auto& connection) { return !connection.lock()->answering(); });
  if (found == oldest_first.end()) return false;
  found->lock()->Abort();
  oldest_first.erase(found);
  return true;
}

}  // namespace channel
