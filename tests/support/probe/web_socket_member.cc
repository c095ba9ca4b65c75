#include "tests/support/probe/web_socket_member.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/websocket/error.hpp>

namespace channel::probe {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;

constexpr size_t kMessageBytesMax = 64 * 1024;

}  // namespace

template <class Start>
beast::error_code WebSocketMember::Run(Deadline deadline, Start start) {
  beast::error_code result;
  start([&result](beast::error_code error, auto&&...) { result = error; });
  io_.restart();
  io_.run_until(deadline);
  if (io_.stopped()) return result;
  beast::error_code ignored;
  beast::get_lowest_layer(stream_).close(ignored);
  io_.run();  // the handler, with an error
  return beast::error::timeout;
}

absl::Status WebSocketMember::Explain(std::string_view what, beast::error_code error) const {
  if (!error) return absl::OkStatus();
  const std::string text(what);
  if (error == beast::error::timeout) return absl::DeadlineExceededError(text + " took too long");
  if (error == websocket::error::closed) {
    return absl::UnavailableError(text + ": the edge closed with " +
                                  std::to_string(stream_.reason().code) + " '" +
                                  stream_.reason().reason.c_str() + "'");
  }
  return absl::UnavailableError(text + ": " + error.message());
}

absl::Status WebSocketMember::Connect(std::string_view address) {
  const size_t colon = address.rfind(':');
  const std::string host(address.substr(0, colon));
  const std::string port(address.substr(colon + 1));
  beast::error_code error;
  asio::ip::tcp::resolver resolver(io_);
  const auto endpoints = resolver.resolve(host, port, error);
  if (error) return Explain("resolve " + host, error);

  error = Run(deadline_, [&](auto handler) {
    asio::async_connect(beast::get_lowest_layer(stream_), endpoints, handler);
  });
  if (error) return Explain("connect", error);

  stream_.read_message_max(kMessageBytesMax);
  websocket::response_type response;
  error = Run(deadline_, [&](auto handler) {
    stream_.async_handshake(response, std::string(address), "/", handler);
  });
  if (error == websocket::error::upgrade_declined) {
    return absl::UnavailableError("WebSocket upgrade refused with HTTP status " +
                                  std::to_string(response.result_int()));
  }
  if (error) return Explain("WebSocket upgrade", error);
  edge_ = std::string(response["X-Channel-Edge"]);
  if (edge_.empty()) return absl::InternalError("the upgrade has no X-Channel-Edge: not an edge");
  return absl::OkStatus();
}

absl::Status WebSocketMember::SendText(std::string_view text) {
  stream_.text(true);
  return Explain("send", Run(deadline_, [&](auto handler) {
                   stream_.async_write(asio::buffer(text.data(), text.size()), handler);
                 }));
}

absl::StatusOr<std::string> WebSocketMember::ReceiveText() {
  buffer_.clear();
  const absl::Status status = Explain(
      "receive", Run(deadline_, [&](auto handler) { stream_.async_read(buffer_, handler); }));
  if (!status.ok()) return status;
  if (!stream_.got_text()) return absl::InternalError("received a binary frame");
  return beast::buffers_to_string(buffer_.data());
}

void WebSocketMember::Close() {
  Run(std::chrono::steady_clock::now() + std::chrono::seconds(1),
      [&](auto handler) { stream_.async_close(websocket::close_code::normal, handler); });
}

}  // namespace channel::probe
