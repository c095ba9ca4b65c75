// A connection before it is a WebSocket session: reads the PROXY protocol's header if there must be
// one, then one HTTP request, and either hands the socket on for the upgrade or answers with a page
// or an error.
//
// Keeps itself alive until it is done; loop thread. Bounds: header kHttpHeaderBytesMax,
// kProxyHeaderBytesMax before it, both within upgrade_timeout, one request a connection.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/net/access.h"
#include "ws_edge/net/corked_stream.h"
#include "ws_edge/net/http_text.h"
#include "ws_edge/net/refusal_log.h"
#include "ws_edge/net/web_file.h"

namespace edge {

// A valid upgrade request.
struct Upgrade {
  HttpRequest request;
  boost::asio::ip::tcp::endpoint client;  // as trusted proxies tell it; port 0: not known
  // False: the page is of a foreign origin. The session accepts it and closes it with
  // kClosedForOrigin: a browser tells a page nothing about a refused handshake, so it would try for
  // ever.
  bool origin_allowed;
};

// Shared by all connections; owned by the edge server.
struct HttpContext {
  std::string server_name;               // in the header X-Channel-Edge
  std::map<std::string, WebFile> files;  // by path
  const AccessRules& access;
  const EdgeLimits& limits;
  EdgeMetrics& metrics;
  RefusalLog& refusals;
  // Says why another session has no place; empty if it has one.
  std::function<std::string()> why_no_place;
  // Says for /readyz why clients cannot be served; empty if they can.
  std::function<std::string()> why_not_ready;
  // Takes the socket of a valid upgrade request.
  std::function<void(Socket, const Upgrade&)> on_upgrade;
  // True if only this machine can connect.
  bool loopback_listener = true;
};

// Takes over a new connection. `count` is held until the connection is handed on or closed.
void StartHttp(Socket socket, HttpContext& context, std::shared_ptr<void> count);

}  // namespace edge
