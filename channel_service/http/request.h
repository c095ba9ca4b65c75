// An HTTP request's target and host, and the reasons for which it is refused.
//
// Pure functions over the parsed header.
#pragma once

#include <boost/beast/http/status.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "channel_service/http/authority.h"
#include "channel_service/http/text.h"

namespace channel {

// The refusal of a request: the status, and a text that says what was wrong.
struct Refusal {
  boost::beast::http::status status;
  std::string why;
};

inline Refusal BadRequest(std::string why) {
  return {boost::beast::http::status::bad_request, std::move(why)};
}

// The request's target, in origin-form or absolute-form (RFC 9112 section 3.2).
struct RequestTarget {
  std::string path;                  // without the query
  std::optional<Authority> address;  // of the absolute-form; counts instead of Host
};

// Returns nothing for any other form.
std::optional<RequestTarget> ParseTarget(std::string_view target);

// Fills `target` with that of the request, or refuses.
std::optional<Refusal> CheckTarget(const HttpRequest& request, RequestTarget* target);

// Checks Host (RFC 9112 section 3.2): exactly one, with a valid host; HTTP/1.0 needs none. Fills
// `host` with what the request was sent to, or with nothing if the client did not tell.
std::optional<Refusal> CheckHost(const HttpRequest& request, std::optional<Authority>* host);

}  // namespace channel
