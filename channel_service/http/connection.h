// One HTTP connection: reads the header of one request, and closes after one answer, unless the
// socket is released for another protocol.
//
// Keeps itself alive until then; loop thread. Its handler decides what is answered. Bounds: a
// header of kHttpHeaderBytesMax, and the times of HttpTimes. A body is never read as part of a
// request; what comes behind the header is thrown away once the answer is sent.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "channel_service/http/request.h"
#include "channel_service/http/socket.h"
#include "channel_service/http/socket_deadline.h"

namespace channel {

// Header of an HTTP request. That of a browser with cookies stays well below.
inline constexpr size_t kHttpHeaderBytesMax = 8 << 10;

using HttpResponse = boost::beast::http::response<boost::beast::http::string_body>;

// Answers with a text, which ends with a newline if it has none.
HttpResponse TextAnswer(boost::beast::http::status status, std::string_view text);

// 405 for a request that is neither GET nor HEAD.
std::optional<HttpResponse> RefuseMethod(const HttpRequest& request);

struct HttpTimes {
  SocketDeadline::Time request_until;  // the header must be complete by then
  std::chrono::milliseconds answer;    // the client must have read the answer within this time
};

class HttpConnection;

// The owner of a connection's decisions; lives as long as the connection, or until the socket is
// released.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // The request's header is there. Calls Answer or ReleaseSocket before it returns.
  virtual void OnRequest(HttpConnection& connection) = 0;
  // There is no request that could be answered otherwise: too slow, too large, or not HTTP.
  virtual void OnBadRequest(HttpConnection& connection, const Refusal& refusal) = 0;
};

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(Socket socket, std::unique_ptr<HttpHandler> handler, const HttpTimes& times);

  // `begun`: what was read from the socket already, at most kHttpHeaderBytesMax.
  void Start(std::string_view begun = {});

  const HttpRequest& request() const { return parser_.get(); }
  // Returns whether the client has sent more than the header.
  bool sent_more() const { return buffer_.size() > 0; }

  // Returns whether an answer is being sent: all else may be ended without a loss.
  bool answering() const { return answering_; }
  // Ends the connection at once.
  void Abort();

  void Answer(HttpResponse response);
  // The connection ends without an answer; the caller has the socket and what was read.
  Socket ReleaseSocket();
  HttpRequest ReleaseRequest() { return parser_.release(); }

 private:
  void OnRead(const boost::beast::error_code& error);
  void Discard();

  Socket socket_;
  const std::unique_ptr<HttpHandler> handler_;
  const HttpTimes times_;
  const std::shared_ptr<SocketDeadline> deadline_;
  boost::beast::flat_buffer buffer_{kHttpHeaderBytesMax};
  boost::beast::http::request_parser<boost::beast::http::empty_body> parser_;
  HttpResponse response_;
  bool answering_ = false;
};

// Sends a short 503 with Retry-After, as far as the socket takes it at once, and closes.
void RefuseConnection(Socket socket, const char* why);

}  // namespace channel
