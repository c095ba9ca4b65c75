// The rules of access, from the flags --trusted_proxies, --proxy_protocol, --allowed_origins and
// --server_names, and the place that a request really came from.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "channel_service/http/text.h"
#include "ws_edge/net/address_ranges.h"
#include "ws_edge/net/origin.h"

namespace edge {

struct AccessRules {
  AddressRanges trusted_proxies;
  bool proxy_protocol = false;  // each connection begins with a header of the PROXY protocol
  AllowedOrigins allowed_origins;
  ServerNames server_names;
};

// The other end of a connection, as far as it is known before the request is read.
struct Peer {
  boost::asio::ip::tcp::endpoint endpoint;  // or the client's that the PROXY protocol told
  bool by_proxy_protocol = false;
  bool hidden = false;  // the PROXY protocol told no client: `endpoint` is the proxy's
};

// The origin of a request and the server that it was sent to, as far as trusted proxies tell.
struct RequestSource {
  boost::asio::ip::tcp::endpoint client;  // port 0: not known
  Site site;                              // as the client's browser calls this server
  bool through_proxy = false;             // somebody in between added something
};

// `host` is what the request was sent to. Forwarded headers are believed if the peer is a trusted
// proxy and not hidden, because a proxy that passes bytes on removes no forged headers.
// INVALID_ARGUMENT says what is wrong in them.
absl::StatusOr<RequestSource> FindSource(const AccessRules& rules,
                                         const channel::HttpRequest& request, const Peer& peer,
                                         const channel::Authority& host);

// Returns whether WebSockets may be opened under the name that the request was sent to.
//
// This stops DNS rebinding: a page of http://evil.test, whose name is then made to mean 127.0.0.1,
// would be of the same site. So where only this machine can connect, and no proxy in between has
// added a header (a browser cannot), the name must be one of the machine itself or listed.
bool NameAllowed(const AccessRules& rules, const RequestSource& source, bool loopback_listener);

// Returns "192.0.2.1:80", or the address alone if the port is not known.
std::string DescribeClient(const boost::asio::ip::tcp::endpoint& client);

}  // namespace edge
