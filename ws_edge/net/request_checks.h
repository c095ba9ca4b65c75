// Checks of an HTTP request before it is answered or upgraded.
//
// Pure functions over the parsed header. Beast's own handshake refuses requests without a reason;
// the same requests are refused here first, with one.
#pragma once

#include <boost/beast/http/status.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "ws_edge/net/host_name.h"
#include "ws_edge/net/http_text.h"

namespace edge {

// The refusal of a request: the status, and a text that says what was wrong.
struct Refusal {
  boost::beast::http::status status;
  std::string why;
};

// The request's target, in origin-form or absolute-form (RFC 9112 section 3.2).
struct RequestTarget {
  std::string path;                 // without the query
  std::optional<HostPort> address;  // of the absolute-form; counts instead of Host
};

// Returns nothing for any other form.
std::optional<RequestTarget> ParseTarget(std::string_view target);

// Checks Host (RFC 9112 section 3.2): exactly one, with a valid host; HTTP/1.0 needs none. Fills
// `host` with what the request was sent to, or with nothing if the client did not tell.
std::optional<Refusal> CheckHost(const HttpRequest& request, std::optional<HostPort>* host);

// Returns whether the request asks for a WebSocket. It must say so in both Upgrade and Connection,
// because many proxies send 'Connection: upgrade' with each request.
bool AsksForUpgrade(const HttpRequest& request);

// Checks a request that asks for an upgrade, or has a Sec-WebSocket-Key, which only a WebSocket
// client sends (RFC 6455 section 4.2.1).
std::optional<Refusal> CheckUpgrade(const HttpRequest& request);

// Returns whether the client offers this subprotocol. Bad names in its list do not hide others.
bool OffersSubprotocol(const HttpRequest& request, std::string_view name);

}  // namespace edge
