// Small parts of HTTP's text: lists, tokens, repeated headers (RFC 9110 section 5).
#pragma once

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace channel {

using HttpRequest = boost::beast::http::request<boost::beast::http::empty_body>;

// Beast has a string_view of its own.
inline std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }
inline boost::beast::string_view ToBeast(std::string_view text) {
  return {text.data(), text.size()};
}

std::string ToLower(std::string_view text);    // ASCII only
std::string_view Trim(std::string_view text);  // spaces and tabs
bool EqualsIgnoringCase(std::string_view a, std::string_view b);

// Calls `visit` with each element of a comma-separated list, trimmed, empty ones left out, until it
// returns false.
void ForEachElement(std::string_view list, const std::function<bool(std::string_view)>& visit);

// Returns the values of all headers of this name, joined with commas, which means the same for
// headers that hold lists. Empty if the request has none.
std::string JoinedHeader(const HttpRequest& request, std::string_view name);
// Counts the headers of this name in the request.
size_t HeaderCount(const HttpRequest& request, std::string_view name);
// Returns whether the header, which holds a list, has `token`. Other elements, even bad ones, do
// not matter.
bool HeaderLists(const HttpRequest& request, std::string_view name, std::string_view token);

}  // namespace channel
