#include "channel_service/http/request.h"

#include <algorithm>
#include <boost/beast/http/field.hpp>

#include "channel_service/base/printable.h"

namespace channel {

namespace http = boost::beast::http;

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
    result.address = ParseAuthority(target.substr(0, end));
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

std::optional<Refusal> CheckTarget(const HttpRequest& request, RequestTarget* target) {
  auto parsed = ParseTarget(View(request.target()));
  if (!parsed.has_value()) return BadRequest("the request's target is neither a path nor an URL");
  *target = *std::move(parsed);
  return std::nullopt;
}

std::optional<Refusal> CheckHost(const HttpRequest& request, std::optional<Authority>* host) {
  const size_t count = request.count(http::field::host);
  if (count > 1) return BadRequest("the header 'Host' stands there more than once");
  if (count == 0 && request.version() >= 11) return BadRequest("the header 'Host' is missing");
  const std::string_view text = Trim(View(request[http::field::host]));
  *host = ParseAuthority(text);
  if (!text.empty() && !host->has_value()) {
    return BadRequest("the header 'Host' is no host with an optional port: '" +
                      Printable(text, 64) + "'");
  }
  return std::nullopt;
}

}  // namespace channel
