// Checks of an HTTP request that asks for a WebSocket.
//
// Pure functions over the parsed header. Beast's own handshake refuses requests without a reason;
// the same requests are refused here first, with one.
#pragma once

#include <optional>
#include <string_view>

#include "channel_service/http/request.h"

namespace edge {

// Returns whether the request asks for a WebSocket. It must say so in both Upgrade and Connection,
// because many proxies send 'Connection: upgrade' with each request.
bool AsksForUpgrade(const channel::HttpRequest& request);

// Checks a request that asks for an upgrade, or has a Sec-WebSocket-Key, which only a WebSocket
// client sends (RFC 6455 section 4.2.1).
std::optional<channel::Refusal> CheckUpgrade(const channel::HttpRequest& request);

// Returns whether the client offers this subprotocol. Bad names in its list do not hide others.
bool OffersSubprotocol(const channel::HttpRequest& request, std::string_view name);

}  // namespace edge
