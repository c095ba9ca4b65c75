#include "channel_service/http/connection.h"

#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <utility>

namespace channel {

namespace beast = boost::beast;
namespace http = beast::http;

namespace {

// Returns why the header could not be read; nothing if the client is gone.
std::optional<Refusal> WhyUnread(const beast::error_code& error, bool too_late) {
  if (too_late) {
    return Refusal{http::status::request_timeout, "the HTTP request was not complete in time"};
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Refusal{http::status::request_header_fields_too_large,
                   fmt::format("the HTTP header is too large; at most {} bytes are allowed",
                               kHttpHeaderBytesMax)};
  }
  if (error.category() == http::make_error_code(http::error::end_of_stream).category() &&
      error != http::error::end_of_stream && error != http::error::partial_message) {
    return Refusal{http::status::bad_request,
                   fmt::format("not an HTTP/1.1 request: {}", error.message())};
  }
  return std::nullopt;
}

}  // namespace

HttpResponse TextAnswer(http::status status, std::string_view text) {
  HttpResponse response{status, 11};
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.set(http::field::cache_control, "no-store");
  response.body() = std::string(text);
  if (!text.ends_with('\n')) response.body() += '\n';
  return response;
}

std::optional<HttpResponse> RefuseMethod(const HttpRequest& request) {
  if (request.method() == http::verb::get || request.method() == http::verb::head) {
    return std::nullopt;
  }
  HttpResponse response = TextAnswer(http::status::method_not_allowed, "only GET is served here");
  response.set(http::field::allow, "GET, HEAD");
  return response;
}

HttpConnection::HttpConnection(Socket socket, std::unique_ptr<HttpHandler> handler,
                               const HttpTimes& times)
    : socket_(std::move(socket)),
      handler_(std::move(handler)),
      times_(times),
      deadline_(std::make_shared<SocketDeadline>(socket_)) {
  parser_.header_limit(kHttpHeaderBytesMax);
  parser_.body_limit(boost::none);  // a body is never read; it is refused by the method
}

void HttpConnection::Start(std::string_view begun) {
  buffer_.commit(boost::asio::buffer_copy(buffer_.prepare(begun.size()),
                                          boost::asio::const_buffer(begun.data(), begun.size())));
  deadline_->Set(times_.request_until);
  http::async_read_header(
      socket_, buffer_, parser_,
      [self = shared_from_this()](const beast::error_code& error, size_t) { self->OnRead(error); });
}

void HttpConnection::OnRead(const beast::error_code& error) {
  if (const auto refusal = WhyUnread(error, deadline_->over()); refusal.has_value()) {
    handler_->OnBadRequest(*this, *refusal);
  } else if (!error) {
    handler_->OnRequest(*this);
  }
}

void HttpConnection::Answer(HttpResponse response) {
  response_ = std::move(response);
  response_.set("X-Content-Type-Options", "nosniff");
  response_.keep_alive(false);
  response_.prepare_payload();
  if (response_.result() == http::status::not_modified) {
    response_.erase(http::field::content_length);  // it would tell the length of the file
  }
  if (request().method() == http::verb::head) response_.body().clear();
  answering_ = true;
  deadline_->Set(std::chrono::steady_clock::now() + times_.answer);
  http::async_write(socket_, response_,
                    [self = shared_from_this()](const beast::error_code& error, size_t) {
                      self->answering_ = false;
                      if (error) return;
                      beast::error_code ignored;
                      self->socket_.shutdown(Socket::shutdown_send, ignored);
                      self->Discard();
                    });
}

void HttpConnection::Abort() {
  beast::error_code ignored;
  socket_.close(ignored);
}

Socket HttpConnection::ReleaseSocket() {
  deadline_->Stop();
  return std::move(socket_);
}

// Reads what the client still sends: closing a socket with unread bytes resets the connection, and
// our answer would be lost.
void HttpConnection::Discard() {
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(2048),
                          [self = shared_from_this()](const beast::error_code& error, size_t) {
                            if (!error && !self->deadline_->over()) self->Discard();
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

}  // namespace channel
