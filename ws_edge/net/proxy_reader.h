// Reads the PROXY protocol's header that a connection must begin with.
//
// Keeps itself alive until the header is there, or is refused; loop thread. Bounds: a header of
// kProxyHeaderBytesMax, until a time. A connection without a good header is closed without an
// answer: the other end need not speak HTTP.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <functional>
#include <memory>
#include <string_view>

#include "channel_service/http/socket_deadline.h"
#include "ws_edge/limits.h"
#include "ws_edge/net/proxy_protocol.h"

namespace edge {

class ProxyReader : public std::enable_shared_from_this<ProxyReader> {
 public:
  // Takes the socket, the header (kComplete), and the bytes that were read behind it.
  using OnHeader =
      std::function<void(channel::Socket, const ProxyHeader& header, std::string_view behind)>;
  // Takes the reason for which the connection is closed. Not called if the client is gone.
  using OnRefused = std::function<void(const char* why)>;

  ProxyReader(channel::Socket socket, OnHeader on_header, OnRefused on_refused);

  void Start(channel::SocketDeadline::Time until);

 private:
  void Read();
  void OnBytes();

  channel::Socket socket_;
  const OnHeader on_header_;
  const OnRefused on_refused_;
  const std::shared_ptr<channel::SocketDeadline> deadline_;
  boost::beast::flat_buffer buffer_{kProxyHeaderBytesMax};
};

}  // namespace edge
