#include "ws_edge/net/request_checks.h"

#include <algorithm>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>

namespace edge {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kKeyHeader = "Sec-WebSocket-Key";

Refusal Bad(std::string why) { return {http::status::bad_request, std::move(why)}; }

// 16 bytes are 22 characters of base64 and two for the rest (RFC 4648 section 4).
bool IsKey(std::string_view key) {
  return key.size() == 24 && key.substr(22) == "==" &&
         std::all_of(key.begin(), key.begin() + 22, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '+' || c == '/';
         });
}

bool HasBody(const HttpRequest& request) {
  if (request.count(http::field::transfer_encoding) > 0) return true;
  return View(request[http::field::content_length]).find_first_not_of('0') !=
         std::string_view::npos;
}

}  // namespace

std::optional<RequestTarget> ParseTarget(std::string_view target) {
  RequestTarget result;
  if (const size_t scheme_end = target.find("://");
      scheme_end != std::string_view::npos && target.front() != '/') {
    const std::string scheme = ToLower(target.substr(0, scheme_end));
    if (scheme != "http" && scheme != "https" && scheme != "ws" && scheme != "wss") {
      return std::nullopt;
    }
    target.remove_prefix(scheme_end + 3);
    const size_t end = std::min(target.find_first_of("/?"), target.size());
    result.address = ParseHostPort(target.substr(0, end));
    if (!result.address.has_value()) return std::nullopt;
    target.remove_prefix(end);
    if (target.empty() || target.front() == '?') {
      result.path = "/";
      return result;
    }
  }
  if (target.empty() || target.front() != '/') return std::nullopt;
  result.path = target.substr(0, target.find('?'));
  return result;
}

std::optional<Refusal> CheckHost(const HttpRequest& request, std::optional<HostPort>* host) {
  const size_t count = request.count(http::field::host);
  if (count > 1) return Bad("the header 'Host' stands there more than once");
  if (count == 0 && request.version() >= 11) return Bad("the header 'Host' is missing");
  const std::string_view text = Trim(View(request[http::field::host]));
  *host = ParseHostPort(text);
  if (!text.empty() && !host->has_value()) {
    return Bad("the header 'Host' is no host with an optional port: '" + Printable(text, 64) + "'");
  }
  return std::nullopt;
}

bool AsksForUpgrade(const HttpRequest& request) {
  return HeaderLists(request, "Upgrade", "websocket") &&
         HeaderLists(request, "Connection", "upgrade");
}

std::optional<Refusal> CheckUpgrade(const HttpRequest& request) {
  if (request.method() != http::verb::get) return Bad("a WebSocket upgrade is a GET request");
  if (request.version() < 11) {
    return Bad("a WebSocket upgrade needs HTTP/1.1 (nginx: proxy_http_version 1.1)");
  }
  if (!HeaderLists(request, "Connection", "upgrade")) {
    return Bad("the header 'Connection: Upgrade' is missing; a proxy must pass it on");
  }
  if (!HeaderLists(request, "Upgrade", "websocket")) {
    return Bad("the header 'Upgrade: websocket' is missing; a proxy must pass it on");
  }
  if (View(request[http::field::host]).empty()) return Bad("the header 'Host' is missing");
  if (HasBody(request)) return Bad("a WebSocket upgrade has no body");
  if (request[http::field::sec_websocket_version] != "13") {
    return Refusal{http::status::upgrade_required, "the header 'Sec-WebSocket-Version' must be 13"};
  }
  if (HeaderCount(request, kKeyHeader) > 1 ||
      !IsKey(View(request[http::field::sec_websocket_key]))) {
    return Bad("the header 'Sec-WebSocket-Key' must be 16 bytes in base64");
  }
  if (request.count(http::field::origin) > 1) {
    return Bad("the header 'Origin' stands there more than once");
  }
  return std::nullopt;
}

bool OffersSubprotocol(const HttpRequest& request, std::string_view name) {
  bool found = false;
  ForEachElement(JoinedHeader(request, "Sec-WebSocket-Protocol"), [&](std::string_view element) {
    found = element == name;  // case matters
    return !found;
  });
  return found;
}

}  // namespace edge
