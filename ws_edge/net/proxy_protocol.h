// The PROXY protocol, versions 1 and 2: a proxy that passes bytes on tells the client's address in
// front of them (haproxy.org, doc/proxy-protocol.txt).
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string_view>

namespace edge {

struct ProxyHeader {
  enum class State { kIncomplete, kComplete, kMalformed };

  State state = State::kIncomplete;
  // kComplete: how many bytes it takes.
  size_t bytes = 0;
  // kComplete: the client. The proxy tells none for its own health checks (LOCAL), UNKNOWN, UNSPEC,
  // Unix sockets.
  std::optional<boost::asio::ip::tcp::endpoint> client = {};
  // kMalformed: what is wrong.
  const char* why = "";
};

// Reads the header that `bytes` begin with. The result is not kIncomplete once kProxyHeaderBytesMax
// bytes are there.
ProxyHeader ReadProxyHeader(std::string_view bytes);

}  // namespace edge
