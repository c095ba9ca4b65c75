// A connection before it is a WebSocket session: reads one HTTP request and either hands the socket
// on for the upgrade or answers with a page or an error.
//
// Keeps itself alive until it is done; loop thread. Bounds: header kHttpHeaderBytesMax, the whole
// request within upgrade_timeout, one request a connection. Everything that Beast's own handshake
// would refuse without words is refused here, with words.
#pragma once

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/net/corked_stream.h"

namespace edge {

using HttpRequest = boost::beast::http::request<boost::beast::http::empty_body>;

// A file that is served over plain HTTP; compiled in.
struct WebFile {
  std::string_view content_type;
  std::string_view content;
};

// What all connections share; owned by the edge server.
struct HttpContext {
  std::string server_name;                   // in the header X-Channel-Edge
  std::map<std::string, WebFile> files;      // by path
  std::vector<std::string> allowed_origins;  // "*" = all
  const EdgeLimits& limits;
  EdgeMetrics& metrics;
  // Why there is no place for another session; empty if there is one.
  std::function<std::string()> why_no_place;
  // The socket of a valid upgrade request.
  std::function<void(Socket, HttpRequest)> on_upgrade;
};

// Takes over a new connection. `count` is held until the connection is handed on or closed.
void StartHttp(Socket socket, HttpContext& context, std::shared_ptr<void> count);

// May a page of `origin` open a WebSocket to `host` (the Host header)? Yes if there is no origin,
// if it is of the same host (any port; the names of the loopback are one host), or if it is listed.
bool OriginAllowed(std::string_view origin, std::string_view host,
                   const std::vector<std::string>& allowed_origins);

}  // namespace edge
