// The HTTP side of the shared port: answers requests with files, health or an error, and hands the
// socket of a valid upgrade request on.
//
// Loop thread. Bounds: one request a connection, within upgrade_timeout, which the PROXY protocol's
// header shares.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "channel_service/http/connection.h"
#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/net/access.h"
#include "ws_edge/net/refusal_log.h"
#include "ws_edge/net/web_file.h"

namespace edge {

// A valid upgrade request.
struct Upgrade {
  channel::HttpRequest request;
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
  // Says why another session of this client has no place; empty if it has one.
  std::function<std::string(const boost::asio::ip::tcp::endpoint&)> why_no_place;
  // Says for /readyz why clients cannot be served; empty if they can.
  std::function<std::string()> unready_summary;
  // Takes the socket of a valid upgrade request.
  std::function<void(channel::Socket, const Upgrade&)> on_upgrade;
  // True if only this machine can connect.
  bool loopback_listener = true;
};

// Takes over a new connection. `count` is held until its socket is handed on or closed.
void StartHttp(channel::Socket socket, HttpContext& context, std::shared_ptr<void> count);

}  // namespace edge
