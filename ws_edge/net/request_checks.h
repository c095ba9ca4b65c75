// What must hold of an HTTP request before it is answered, and what makes it an upgrade.
//
// Pure functions over the parsed header. Everything that Beast's own handshake would refuse without
// words is refused here, with words.
#pragma once

#include <boost/beast/http/status.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "ws_edge/net/host_name.h"
#include "ws_edge/net/http_text.h"

namespace edge {

// Why a request is not served: the status, and what was wrong in words.
struct Refusal {
  boost::beast::http::status status;
  std::string why;
};

// The request's target, in origin-form or absolute-form (RFC 9112 section 3.2).
struct RequestTarget {
  std::string path;                 // without the query
  std::optional<HostPort> address;  // of the absolute-form; counts instead of Host
};

// Nothing if it is neither of the two.
std::optional<RequestTarget> ParseTarget(std::string_view target);

// RFC 9112 section 3.2: exactly one Host, which is a host; HTTP/1.0 may go without. Fills `host`
// with what the request was sent to; nothing if the client did not tell.
std::optional<Refusal> CheckHost(const HttpRequest& request, std::optional<HostPort>* host);

// Does the request ask for a WebSocket? Only if it says so twice, in Upgrade and in Connection:
// many proxies send 'Connection: upgrade' with each request.
bool AsksForUpgrade(const HttpRequest& request);

// RFC 6455 section 4.2.1, for a request that asks for an upgrade or has a Sec-WebSocket-Key, which
// only a WebSocket client sends.
std::optional<Refusal> CheckUpgrade(const HttpRequest& request);

// Does the client offer this subprotocol? Bad names in its list do not hide others.
bool OffersSubprotocol(const HttpRequest& request, std::string_view name);

}  // namespace edge
