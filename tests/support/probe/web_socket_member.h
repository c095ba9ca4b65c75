// A member of a group, seen from outside: one WebSocket client in the plain dialect.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace channel::probe {

// Each call blocks until it is done or the deadline is over (DEADLINE_EXCEEDED). Beast's
// synchronous calls have no timeout, so each call runs one asynchronous operation on an io_context
// of its own.
class WebSocketMember {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  explicit WebSocketMember(Deadline deadline) : deadline_(deadline) {}

  // `address` is HOST:PORT.
  absl::Status Connect(std::string_view address);

  // Name of the process that answered, from X-Channel-Edge.
  const std::string& edge() const { return edge_; }

  absl::Status SendText(std::string_view text);
  absl::StatusOr<std::string> ReceiveText();

  // A polite end, bounded to a second; errors do not matter any more.
  void Close();

 private:
  // Starts an operation with a handler and runs it to its end; at the deadline the socket is
  // closed.
  template <class Start>
  boost::beast::error_code Run(Deadline deadline, Start start);

  absl::Status Explain(std::string_view what, boost::beast::error_code error) const;

  const Deadline deadline_;
  boost::asio::io_context io_{1};
  boost::beast::websocket::stream<boost::asio::ip::tcp::socket> stream_{io_};
  boost::beast::flat_buffer buffer_;
  std::string edge_;
};

}  // namespace channel::probe
