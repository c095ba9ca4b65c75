#include "ws_edge/net/upgrade_checks.h"

#include <algorithm>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>

namespace edge {
namespace {

namespace http = boost::beast::http;

constexpr std::string_view kKeyHeader = "Sec-WebSocket-Key";

// 16 bytes are 22 characters of base64 and two for the rest (RFC 4648 section 4).
bool IsKey(std::string_view key) {
  return key.size() == 24 && key.substr(22) == "==" &&
         std::all_of(key.begin(), key.begin() + 22, [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '+' || c == '/';
         });
}

bool HasBody(const channel::HttpRequest& request) {
  if (request.count(http::field::transfer_encoding) > 0) return true;
  return channel::View(request[http::field::content_length]).find_first_not_of('0') !=
         std::string_view::npos;
}

}  // namespace

bool AsksForUpgrade(const channel::HttpRequest& request) {
  return channel::HeaderLists(request, "Upgrade", "websocket") &&
         channel::HeaderLists(request, "Connection", "upgrade");
}

std::optional<channel::Refusal> CheckUpgrade(const channel::HttpRequest& request) {
  if (request.method() != http::verb::get)
    return channel::BadRequest("a WebSocket upgrade is a GET request");
  if (request.version() < 11) {
    return channel::BadRequest(
        "a WebSocket upgrade needs HTTP/1.1 (nginx: proxy_http_version 1.1)");
  }
  if (!channel::HeaderLists(request, "Connection", "upgrade")) {
    return channel::BadRequest(
        "the header 'Connection: Upgrade' is missing; a proxy must pass it on");
  }
  if (!channel::HeaderLists(request, "Upgrade", "websocket")) {
    return channel::BadRequest(
        "the header 'Upgrade: websocket' is missing; a proxy must pass it on");
  }
  if (channel::View(request[http::field::host]).empty())
    return channel::BadRequest("the header 'Host' is missing");
  if (HasBody(request)) return channel::BadRequest("a WebSocket upgrade has no body");
  if (request[http::field::sec_websocket_version] != "13") {
    return channel::Refusal{http::status::upgrade_required,
                            "the header 'Sec-WebSocket-Version' must be 13"};
  }
  if (channel::HeaderCount(request, kKeyHeader) > 1 ||
      !IsKey(channel::View(request[http::field::sec_websocket_key]))) {
    return channel::BadRequest("the header 'Sec-WebSocket-Key' must be 16 bytes in base64");
  }
  if (request.count(http::field::origin) > 1) {
    return channel::BadRequest("the header 'Origin' stands there more than once");
  }
  return std::nullopt;
}

bool OffersSubprotocol(const channel::HttpRequest& request, std::string_view name) {
  bool found = false;
  channel::ForEachElement(channel::JoinedHeader(request, "Sec-WebSocket-Protocol"),
                          [&](std::string_view element) {
                            found = element == name;  // case matters
                            return !found;
                          });
  return found;
}

}  // namespace edge
