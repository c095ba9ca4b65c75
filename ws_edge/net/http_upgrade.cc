#include "ws_edge/net/http_upgrade.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <cctype>
#include <chrono>
#include <optional>
#include <utility>

namespace edge {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

using Clock = std::chrono::steady_clock;
using LoopTimer = net::basic_waitable_timer<Clock, net::wait_traits<Clock>, LoopExecutor>;

// No script but our own files, no frames, no forms: an injected text cannot become code.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

// The host of "host:port", "[::1]:port" or "scheme://host:port", in lower case.
std::string HostOf(std::string_view text) {
  if (const size_t scheme = text.find("://"); scheme != std::string_view::npos) {
    text.remove_prefix(scheme + 3);
  }
  size_t end = text.size();
  if (!text.empty() && text.front() == '[') {
    end = std::min(text.size(), text.find(']') + 1);
  } else {
    end = std::min(end, text.find_first_of(":/"));
  }
  std::string host(text.substr(0, end));
  std::transform(host.begin(), host.end(), host.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return host;
}

bool IsLoopbackName(const std::string& host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

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
    timer_.expires_after(context_.limits.upgrade_timeout);
    timer_.async_wait([weak = weak_from_this()](const beast::error_code& error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->OnTimeout();
    });
    http::async_read_header(socket_, buffer_, parser_,
                            [self = shared_from_this()](const beast::error_code& error, size_t) {
                              self->OnRequest(error);
                            });
  }

 private:
  using Response = http::response<http::string_body>;

  void OnTimeout() {
    if (answering_) {
      Close();  // the reader of our answer is too slow
      return;
    }
    timed_out_ = true;
    socket_.cancel();
  }

  void OnRequest(const beast::error_code& error) {
    if (timed_out_) {
      Refuse(http::status::request_timeout, "the HTTP request was not complete in time");
    } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      Refuse(http::status::request_header_fields_too_large,
             fmt::format("the HTTP header is too large; at most {} bytes are allowed",
                         kHttpHeaderBytesMax));
    } else if (error.category() == http::make_error_code(http::error::end_of_stream).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      Refuse(http::status::bad_request,
             fmt::format("not an HTTP/1.1 request: {}", error.message()));
    } else if (!error) {
      Route();
    }
    // Otherwise the client is gone.
  }

  void Route() {
    const HttpRequest& request = parser_.get();
    const bool wants_upgrade =
        http::token_list(request[http::field::connection]).exists("upgrade") ||
        request.count(http::field::sec_websocket_key) > 0 ||
        request.count(http::field::upgrade) > 0;
    if (wants_upgrade) {
      Upgrade();
    } else if (request.method() != http::verb::get && request.method() != http::verb::head) {
      Response response = MakeResponse(http::status::method_not_allowed, "only GET is served here");
      response.set(http::field::allow, "GET, HEAD");
      Answer(std::move(response));
    } else {
      ServeFile(std::string(View(request.target().substr(0, request.target().find('?')))));
    }
  }

  void ServeFile(const std::string& path) {
    if (path == "/healthz") {
      Answer(MakeResponse(http::status::ok, "ok"));
      return;
    }
    const auto file = context_.files.find(path);
    if (file == context_.files.end()) {
      Refuse(http::status::not_found, "not found; the chat page is at /");
      return;
    }
    Response response = MakeResponse(http::status::ok, "");
    response.set(http::field::content_type, beast::string_view(file->second.content_type.data(),
                                                               file->second.content_type.size()));
    response.set("Content-Security-Policy", kContentSecurityPolicy);
    response.set("Referrer-Policy", "no-referrer");
    response.set(http::field::cache_control, "no-cache");
    response.body() = file->second.content;
    Answer(std::move(response));
  }

  void Upgrade() {
    const HttpRequest& request = parser_.get();
    if (const auto refusal = WhyNoUpgrade(request); refusal.has_value()) {
      Answer(*refusal);
      return;
    }
    if (const std::string why = context_.why_no_place(); !why.empty()) {
      Response response = MakeResponse(http::status::service_unavailable, why);
      response.set(http::field::retry_after, "2");
      Answer(std::move(response));
      return;
    }
    timer_.cancel();
    answering_ = true;
    count_.reset();
    context_.on_upgrade(std::move(socket_), parser_.release());
  }

  // RFC 6455 section 4.2.1, then the origin (section 10.2).
  std::optional<Response> WhyNoUpgrade(const HttpRequest& request) const {
    const auto bad = [this](const std::string& why) {
      return MakeResponse(http::status::bad_request, why);
    };
    if (request.method() != http::verb::get) return bad("a WebSocket upgrade is a GET request");
    if (request.version() < 11) return bad("a WebSocket upgrade needs HTTP/1.1");
    if (!http::token_list(request[http::field::connection]).exists("upgrade")) {
      return bad("the header 'Connection: Upgrade' is missing");
    }
    if (!http::token_list(request[http::field::upgrade]).exists("websocket")) {
      return bad("the header 'Upgrade: websocket' is missing");
    }
    if (request[http::field::host].empty()) return bad("the header 'Host' is missing");
    if (request[http::field::sec_websocket_version] != "13") {
      Response response = MakeResponse(http::status::upgrade_required,
                                       "the header 'Sec-WebSocket-Version' must be 13");
      response.set(http::field::upgrade, "websocket");
      response.set(http::field::sec_websocket_version, "13");
      return response;
    }
    // 16 bytes in base64.
    const std::string_view key = View(request[http::field::sec_websocket_key]);
    if (key.size() != 24 || key.substr(22) != "==") {
      return bad("the header 'Sec-WebSocket-Key' must be 16 bytes in base64");
    }
    if (buffer_.size() > 0)
      return bad("the client must wait for the answer before it sends frames");
    const std::string_view origin = View(request[http::field::origin]);
    if (!OriginAllowed(origin, View(request[http::field::host]), context_.allowed_origins)) {
      return MakeResponse(http::status::forbidden,
                          fmt::format("pages of the origin '{}' may not connect here; the operator "
                                      "can allow it with --allowed_origins",
                                      origin.substr(0, 256)));
    }
    return std::nullopt;
  }

  Response MakeResponse(http::status status, const std::string& text) const {
    Response response{status, 11};
    response.set("X-Channel-Edge", context_.server_name);
    response.set("X-Content-Type-Options", "nosniff");
    response.set(http::field::content_type, "text/plain; charset=utf-8");
    response.keep_alive(false);
    response.body() = text + "\n";
    return response;
  }

  void Refuse(http::status status, const std::string& why) { Answer(MakeResponse(status, why)); }

  void Answer(Response response) {
    answering_ = true;
    if (response.result() != http::status::ok) {
      context_.metrics.Refused(std::to_string(response.result_int())).Increment();
    }
    response_ = std::move(response);
    response_.prepare_payload();
    if (parser_.get().method() == http::verb::head) response_.body().clear();
    timer_.expires_after(kCloseTimeout);
    timer_.async_wait([weak = weak_from_this()](const beast::error_code& error) {
      const auto self = weak.lock();
      if (!error && self != nullptr) self->Close();
    });
    http::async_write(socket_, response_,
                      [self = shared_from_this()](const beast::error_code& error, size_t) {
                        if (error) return;
                        beast::error_code ignored;
                        self->socket_.shutdown(Socket::shutdown_send, ignored);
                        self->Discard();
                      });
  }

  // Reads what the client still sends: closing before it was read would reset the connection and
  // take our answer with it.
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
  beast::flat_buffer buffer_{kHttpHeaderBytesMax + 4096};
  http::request_parser<http::empty_body> parser_;
  Response response_;
  bool timed_out_ = false;
  bool answering_ = false;
};

}  // namespace

bool OriginAllowed(std::string_view origin, std::string_view host,
                   const std::vector<std::string>& allowed_origins) {
  if (origin.empty()) return true;
  for (const std::string& allowed : allowed_origins) {
    if (allowed == "*" || allowed == origin) return true;
  }
  const std::string origin_host = HostOf(origin);
  const std::string own_host = HostOf(host);
  if (origin_host.empty() || origin.find("://") == std::string_view::npos) return false;
  return origin_host == own_host || (IsLoopbackName(origin_host) && IsLoopbackName(own_host));
}

void StartHttp(Socket socket, HttpContext& context, std::shared_ptr<void> count) {
  std::make_shared<HttpConnection>(std::move(socket), context, std::move(count))->Start();
}

}  // namespace edge
