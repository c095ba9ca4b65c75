#include "ws_edge/net/http_upgrade.h"

#include <spdlog/fmt/fmt.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "channel_service/base/strings.h"
#include "ws_edge/net/http_answer.h"
#include "ws_edge/net/proxy_protocol.h"
#include "ws_edge/net/request_checks.h"

namespace edge {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

using Clock = std::chrono::steady_clock;
using LoopTimer = net::basic_waitable_timer<Clock, net::wait_traits<Clock>, LoopExecutor>;

constexpr char kBadTarget[] = "the request's target is neither a path nor an URL";

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(Socket socket, HttpContext& context, std::shared_ptr<void> count)
      : context_(context),
        count_(std::move(count)),
        socket_(std::move(socket)),
        timer_(socket_.get_executor()) {
    parser_.header_limit(kHttpHeaderBytesMax);
    parser_.body_limit(boost::none);  // a body is never read; it is refused by the method
  }

  void Start() {
    beast::error_code error;
    peer_.endpoint = socket_.remote_endpoint(error);
    if (error) return;  // the client is gone
    peer_.endpoint.address(Unmapped(peer_.endpoint.address()));
    SetTimer(context_.limits.upgrade_timeout, &HttpConnection::OnTimeout);
    if (context_.access.proxy_protocol) {
      ReadProxy();
    } else {
      ReadRequest();
    }
  }

 private:
  void SetTimer(std::chrono::milliseconds time, void (HttpConnection::*then)()) {
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this(), then](const beast::error_code& error) {
      const auto self = weak.lock();
      if (error || self == nullptr) return;
      // The timer may have been set anew while this handler waited for its turn.
      if (self->timer_.expiry() <= Clock::now()) (self.get()->*then)();
    });
  }

  // Repeats the cancel: it reaches neither a read that has ended while its handler has not run, nor
  // the read that this handler begins.
  void OnTimeout() {
    timed_out_ = true;
    socket_.cancel();
    SetTimer(kSweepInterval, &HttpConnection::OnTimeout);
  }

  void ReadProxy() {
    if (!context_.access.trusted_proxies.Contain(peer_.endpoint.address())) {
      RefuseProxy("its address is not in --trusted_proxies");
      return;
    }
    const ProxyHeader header =
        ReadProxyHeader({static_cast<const char*>(buffer_.data().data()), buffer_.size()});
    switch (header.state) {
      case ProxyHeader::State::kMalformed:
        RefuseProxy(header.why);
        return;
      case ProxyHeader::State::kComplete:
        buffer_.consume(header.bytes);
        peer_.by_proxy_protocol = true;
        peer_.hidden = !header.client.has_value();
        if (!peer_.hidden) peer_.endpoint = *header.client;
        ReadRequest();
        return;
      case ProxyHeader::State::kIncomplete:
        break;
    }
    socket_.async_read_some(buffer_.prepare(kProxyHeaderBytesMax - buffer_.size()),
                            [self = shared_from_this()](const beast::error_code& error, size_t n) {
                              self->buffer_.commit(n);
                              if (!error) {
                                self->ReadProxy();
                              } else if (self->timed_out_) {
                                self->RefuseProxy("it was not complete in time");
                              }  // Otherwise the client is gone.
                            });
  }

  // Closes without an answer: the other end need not speak HTTP.
  void RefuseProxy(std::string_view why) {
    context_.metrics.Refused("proxy_protocol").Increment();
    context_.refusals.Add(
        RefusalLog::Kind::kProxyProtocol,
        fmt::format("closed a connection of {}, which must begin with a header of the PROXY "
                    "protocol (--proxy_protocol): {}",
                    DescribeClient(peer_.endpoint), why));
    Close();
  }

  void ReadRequest() {
    http::async_read_header(socket_, buffer_, parser_,
                            [self = shared_from_this()](const beast::error_code& error, size_t) {
                              self->OnRequest(error);
                            });
  }

  void OnRequest(const beast::error_code& error) {
    if (timed_out_) {
      Refuse({http::status::request_timeout, "the HTTP request was not complete in time"});
    } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      Refuse({http::status::request_header_fields_too_large,
              fmt::format("the HTTP header is too large; at most {} bytes are allowed",
                          kHttpHeaderBytesMax)});
    } else if (error.category() == http::make_error_code(http::error::end_of_stream).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      Refuse(
          {http::status::bad_request, fmt::format("not an HTTP/1.1 request: {}", error.message())});
    } else if (!error) {
      Route();
    }
    // Otherwise the client is gone.
  }

  void Route() {
    const HttpRequest& request = parser_.get();
    std::optional<HostPort> host;
    if (const auto refusal = CheckHost(request, &host); refusal.has_value()) {
      Refuse(*refusal);
      return;
    }
    if (AsksForUpgrade(request) || request.count(http::field::sec_websocket_key) > 0) {
      StartUpgrade(host);
      return;
    }
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      HttpResponse response = MakeText(http::status::method_not_allowed, "only GET is served here");
      response.set(http::field::allow, "GET, HEAD");
      Answer(std::move(response));
      return;
    }
    const auto target = ParseTarget(View(request.target()));
    if (!target.has_value()) {
      Refuse({http::status::bad_request, kBadTarget});
      return;
    }
    Serve(target->path);
  }

  // Files are served under any name: they are no secret, are the same for everybody, and any page
  // may read them. Names and origins count for WebSockets.
  void Serve(const std::string& path) {
    if (path == "/healthz") {
      Answer(MakeText(http::status::ok, "ok"));
      return;
    }
    if (path == "/readyz") {
      const std::string why = context_.why_not_ready();
      Answer(why.empty() ? MakeText(http::status::ok, "ready")
                         : MakeText(http::status::service_unavailable, why),
             /*refused=*/false);
      return;
    }
    const auto file = context_.files.find(path);
    if (file == context_.files.end()) {
      Refuse({http::status::not_found, "not found; the chat page is at /"});
      return;
    }
    Answer(FileAnswer(file->second, parser_.get(), context_.server_name), /*refused=*/false);
  }

  void StartUpgrade(std::optional<HostPort> host) {
    HttpRequest& request = parser_.get();
    const auto target = ParseTarget(View(request.target()));
    auto refusal = CheckUpgrade(request);
    if (!refusal.has_value() && !target.has_value()) {
      refusal = {http::status::bad_request, kBadTarget};
    }
    if (!refusal.has_value() && buffer_.size() > 0) {
      refusal = {http::status::bad_request,
                 "the client must wait for the answer before it sends frames"};
    }
    if (refusal.has_value()) {
      Refuse(*refusal);
      return;
    }
    if (target->address.has_value()) host = target->address;
    const auto source = FindSource(context_.access, request, peer_, host.value());
    if (!source.ok()) {
      const std::string why(channel::MessageOf(source.status()));
      context_.refusals.Add(RefusalLog::Kind::kForwarded,
                            fmt::format("refused a request through the proxy {} with 400: {}",
                                        DescribeClient(peer_.endpoint), why));
      Refuse({http::status::bad_request, why});
      return;
    }
    if (!NameAllowed(context_.access, *source, context_.loopback_listener)) {
      RefuseName(*source);
      return;
    }
    if (const std::string why = context_.why_no_place(); !why.empty()) {
      Refuse({http::status::service_unavailable, why});
      return;
    }
    HandOn(*source);
  }

  void RefuseName(const RequestSource& source) {
    const std::string why = fmt::format(
        "WebSockets are not open under the name '{}' here; the operator can allow it with "
        "--server_names (a proxy in front can also tell the name in X-Forwarded-Host)",
        source.site.address.host);
    context_.refusals.Add(RefusalLog::Kind::kHost, fmt::format("refused {} with 421: {}",
                                                               DescribeClient(source.client), why));
    Refuse({http::status::misdirected_request, why});
  }

  void HandOn(const RequestSource& source) {
    HttpRequest& request = parser_.get();
    const std::string_view origin = View(request[http::field::origin]);
    const bool allowed = context_.access.allowed_origins.Allows(origin, source.site);
    if (!allowed) {
      context_.refusals.Add(
          RefusalLog::Kind::kOrigin,
          fmt::format("closed {} with 4507: its page is of the origin '{}', which is neither this "
                      "server ({}) nor in --allowed_origins",
                      DescribeClient(source.client), Printable(origin, 256),
                      ToString(source.site)));
    }
    // Beast looks at the first of repeated headers only; they were checked above.
    request.set(http::field::connection, "Upgrade");
    request.set(http::field::upgrade, "websocket");
    timer_.expires_at(Clock::time_point::max());
    count_.reset();
    context_.on_upgrade(std::move(socket_), {parser_.release(), source.client, allowed});
  }

  HttpResponse MakeText(http::status status, std::string_view text) const {
    return TextAnswer(status, text, context_.server_name);
  }

  void Refuse(const Refusal& refusal) {
    HttpResponse response = MakeText(refusal.status, refusal.why);
    if (refusal.status == http::status::service_unavailable) {
      response.set(http::field::retry_after, "2");
    } else if (refusal.status == http::status::upgrade_required) {
      response.set(http::field::upgrade, "websocket");
      response.set(http::field::sec_websocket_version, "13");
    }
    Answer(std::move(response));
  }

  void Answer(HttpResponse response, bool refused = true) {
    if (refused && response.result() != http::status::ok) {
      context_.metrics.Refused(std::to_string(response.result_int())).Increment();
    }
    response_ = std::move(response);
    response_.prepare_payload();
    if (response_.result() == http::status::not_modified) {
      response_.erase(http::field::content_length);  // it would tell the length of the file
    }
    if (parser_.get().method() == http::verb::head) response_.body().clear();
    SetTimer(kCloseTimeout, &HttpConnection::Close);  // the reader of our answer is too slow
    http::async_write(socket_, response_,
                      [self = shared_from_this()](const beast::error_code& error, size_t) {
                        if (error) return;
                        beast::error_code ignored;
                        self->socket_.shutdown(Socket::shutdown_send, ignored);
                        self->Discard();
                      });
  }

  // Reads what the client still sends: closing a socket with unread bytes resets the connection,
  // and our answer would be lost.
  void Discard() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(2048),
                            [self = shared_from_this()](const beast::error_code& error, size_t) {
                              if (!error) {
                                self->Discard();
                              } else {
                                self->Close();
                              }
                            });
  }

  void Close() {
    timer_.cancel();
    beast::error_code ignored;
    socket_.close(ignored);
  }

  HttpContext& context_;
  std::shared_ptr<void> count_;
  Socket socket_;
  LoopTimer timer_;
  Peer peer_;
  beast::flat_buffer buffer_{kHttpHeaderBytesMax + kProxyHeaderBytesMax};
  http::request_parser<http::empty_body> parser_;
  HttpResponse response_;
  bool timed_out_ = false;
};

}  // namespace

void StartHttp(Socket socket, HttpContext& context, std::shared_ptr<void> count) {
  std::make_shared<HttpConnection>(std::move(socket), context, std::move(count))->Start();
}

}  // namespace edge
