#include "ws_edge/net/edge_http.h"

#include <spdlog/fmt/fmt.h>

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "channel_service/base/peer_address.h"
#include "channel_service/base/printable.h"
#include "channel_service/base/strings.h"
#include "ws_edge/net/file_answer.h"
#include "ws_edge/net/proxy_reader.h"
#include "ws_edge/net/upgrade_checks.h"

namespace edge {
namespace {

namespace http = boost::beast::http;

using channel::HttpConnection;
using channel::HttpRequest;
using channel::HttpResponse;
using channel::Refusal;
using channel::TextAnswer;
using channel::View;

using Clock = std::chrono::steady_clock;

// Decides about the request of one connection, which has a place among those that are counted.
class EdgeHttp final : public channel::HttpHandler {
 public:
  EdgeHttp(HttpContext& context, Peer peer, std::shared_ptr<void> count)
      : context_(context), peer_(std::move(peer)), count_(std::move(count)) {}

  void OnRequest(HttpConnection& connection) override {
    const HttpRequest& request = connection.request();
    std::optional<channel::Authority> host;
    if (const auto refusal = channel::CheckHost(request, &host); refusal.has_value()) {
      Refuse(connection, *refusal);
    } else if (AsksForUpgrade(request) || request.count(http::field::sec_websocket_key) > 0) {
      Upgrade(connection, host);
    } else {
      Serve(connection);
    }
  }

  void OnBadRequest(HttpConnection& connection, const Refusal& refusal) override {
    Refuse(connection, refusal);
  }

 private:
  // Files are served under any name: they are no secret, are the same for everybody, and any page
  // may read them. Names and origins count for WebSockets.
  void Serve(HttpConnection& connection) {
    const HttpRequest& request = connection.request();
    channel::RequestTarget target;
    if (auto response = channel::RefuseMethod(request); response.has_value()) {
      AnswerRefusal(connection, *std::move(response));
    } else if (const auto refusal = channel::CheckTarget(request, &target); refusal.has_value()) {
      Refuse(connection, *refusal);
    } else if (target.path == "/healthz") {
      Answer(connection, TextAnswer(http::status::ok, "ok"));
    } else if (target.path == "/readyz") {
      const std::string why = context_.unready_summary();
      Answer(connection, why.empty() ? TextAnswer(http::status::ok, "ready")
                                     : TextAnswer(http::status::service_unavailable, why));
    } else if (const auto file = context_.files.find(target.path); file != context_.files.end()) {
      Answer(connection, FileAnswer(file->second, request));
    } else {
      Refuse(connection, {http::status::not_found, "not found; the chat page is at /"});
    }
  }

  void Upgrade(HttpConnection& connection, std::optional<channel::Authority> host) {
    const HttpRequest& request = connection.request();
    channel::RequestTarget target;
    auto refusal = CheckUpgrade(request);
    if (!refusal.has_value()) refusal = channel::CheckTarget(request, &target);
    if (!refusal.has_value() && connection.sent_more()) {
      refusal = channel::BadRequest("the client must wait for the answer before it sends frames");
    }
    if (refusal.has_value()) {
      Refuse(connection, *refusal);
      return;
    }
    if (target.address.has_value()) host = target.address;
    const auto source = FindSource(context_.access, request, peer_, host.value());
    if (!source.ok()) {
      const std::string why(channel::MessageOf(source.status()));
      context_.refusals.Add(RefusalLog::Kind::kForwarded,
                            fmt::format("refused a request through the proxy {} with 400: {}",
                                        DescribeClient(peer_.endpoint), why));
      Refuse(connection, channel::BadRequest(why));
    } else if (!NameAllowed(context_.access, *source, context_.loopback_listener)) {
      RefuseName(connection, *source);
    } else if (const std::string why = context_.why_no_place(source->client); !why.empty()) {
      Refuse(connection, {http::status::service_unavailable, why});
    } else {
      HandOn(connection, *source);
    }
  }

  void RefuseName(HttpConnection& connection, const RequestSource& source) {
    const std::string why = fmt::format(
        "WebSockets are not open under the name '{}' here; the operator can allow it with "
        "--server_names (a proxy in front can also tell the name in X-Forwarded-Host)",
        source.site.address.host);
    context_.refusals.Add(RefusalLog::Kind::kHost, fmt::format("refused {} with 421: {}",
                                                               DescribeClient(source.client), why));
    Refuse(connection, {http::status::misdirected_request, why});
  }

  void HandOn(HttpConnection& connection, const RequestSource& source) {
    HttpRequest request = connection.ReleaseRequest();
    const std::string_view origin = View(request[http::field::origin]);
    const bool allowed = context_.access.allowed_origins.Allows(origin, source.site);
    if (!allowed) {
      context_.refusals.Add(
          RefusalLog::Kind::kOrigin,
          fmt::format("closed {} with 4507: its page is of the origin '{}', which is neither this "
                      "server ({}) nor in --allowed_origins",
                      DescribeClient(source.client), channel::Printable(origin, 256),
                      ToString(source.site)));
    }
    // Beast looks at the first of repeated headers only; they were checked above.
    request.set(http::field::connection, "Upgrade");
    request.set(http::field::upgrade, "websocket");
    count_.reset();
    context_.on_upgrade(connection.ReleaseSocket(), {std::move(request), source.client, allowed});
  }

  void Refuse(HttpConnection& connection, const Refusal& refusal) {
    HttpResponse response = TextAnswer(refusal.status, refusal.why);
    if (refusal.status == http::status::service_unavailable) {
      response.set(http::field::retry_after, "2");
    } else if (refusal.status == http::status::upgrade_required) {
      response.set(http::field::upgrade, "websocket");
      response.set(http::field::sec_websocket_version, "13");
    }
    AnswerRefusal(connection, std::move(response));
  }

  void AnswerRefusal(HttpConnection& connection, HttpResponse response) {
    context_.metrics.Refused(std::to_string(response.result_int())).Increment();
    Answer(connection, std::move(response));
  }

  void Answer(HttpConnection& connection, HttpResponse response) {
    response.set("X-Channel-Edge", channel::ToBeast(context_.server_name));
    connection.Answer(std::move(response));
  }

  HttpContext& context_;
  const Peer peer_;
  std::shared_ptr<void> count_;
};

void RefuseProxy(HttpContext& context, const Peer& peer, std::string_view why) {
  context.metrics.Refused("proxy_protocol").Increment();
  context.refusals.Add(
      RefusalLog::Kind::kProxyProtocol,
      fmt::format("closed a connection of {}, which must begin with a header of the PROXY "
                  "protocol (--proxy_protocol): {}",
                  DescribeClient(peer.endpoint), why));
}

}  // namespace

void StartHttp(channel::Socket socket, HttpContext& context, std::shared_ptr<void> count) {
  boost::system::error_code error;
  Peer peer{.endpoint = socket.remote_endpoint(error)};
  if (error) return;  // the client is gone
  peer.endpoint.address(channel::Unmapped(peer.endpoint.address()));
  const channel::HttpTimes times{.request_until = Clock::now() + context.limits.upgrade_timeout,
                                 .answer = kCloseTimeout};
  const auto start = [&context, times, count = std::move(count)](
                         channel::Socket begun_socket, const Peer& client, std::string_view begun) {
    std::make_shared<HttpConnection>(std::move(begun_socket),
                                     std::make_unique<EdgeHttp>(context, client, count), times)
        ->Start(begun);
  };
  if (!context.access.proxy_protocol) {
    start(std::move(socket), peer, {});
    return;
  }
  if (!context.access.trusted_proxies.Contain(peer.endpoint.address())) {
    RefuseProxy(context, peer, "its address is not in --trusted_proxies");
    return;
  }
  std::make_shared<ProxyReader>(
      std::move(socket),
      [peer, start](channel::Socket behind_header, const ProxyHeader& header,
                    std::string_view begun) {
        const Peer client{.endpoint = header.client.value_or(peer.endpoint),
                          .by_proxy_protocol = true,
                          .hidden = !header.client.has_value()};
        start(std::move(behind_header), client, begun);
      },
      [&context, peer](const char* why) { RefuseProxy(context, peer, why); })
      ->Start(times.request_until);
}

}  // namespace edge
