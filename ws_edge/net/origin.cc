#include "ws_edge/net/origin.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

#include "channel_service/http/text.h"

namespace edge {
namespace {

// Checks the syntax of RFC 3986 section 3.1; `scheme` is in lower case.
bool IsScheme(std::string_view scheme) {
  if (scheme.empty() || scheme.front() < 'a' || scheme.front() > 'z') return false;
  return std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

void DropDefaultPort(std::string_view scheme, std::optional<uint16_t>* port) {
  if (*port == channel::DefaultPort(scheme)) port->reset();
}

// Splits "scheme://rest". The scheme is in lower case; empty if there is none.
std::string SplitScheme(std::string_view text, std::string_view* rest) {
  const size_t end = text.find("://");
  if (end == std::string_view::npos) return {};
  std::string scheme = channel::ToLower(text.substr(0, end));
  *rest = text.substr(end + 3);
  return IsScheme(scheme) ? scheme : std::string();
}

// Says why an entry of --allowed_origins matches no page; empty if all but its host is good.
std::string WhyNoOrigin(std::string_view entry, std::string_view scheme, std::string_view address) {
  if (entry.empty()) return "it is empty";
  if (entry.find_first_of(" \t\r\n") != std::string_view::npos) return "it has a space in it";
  if (scheme.empty()) return "it does not begin with a scheme, as https://";
  if (scheme == "ws" || scheme == "wss") {
    return fmt::format("a page's origin begins with http:// or https://, not with {}://", scheme);
  }
  if (address.find('@') != std::string_view::npos) return "a user name is not part of an origin";
  if (address.find_first_of("/?#") != std::string_view::npos) {
    return "a path is not part of an origin";
  }
  return {};
}

}  // namespace

Site MakeSite(std::string_view scheme, channel::Authority address) {
  DropDefaultPort(scheme, &address.port);
  return {std::string(scheme), std::move(address)};
}

std::string ToString(const Site& site) {
  std::string text = site.scheme + "://" + site.address.host;
  if (site.address.port.has_value()) text += ":" + std::to_string(*site.address.port);
  return text;
}

std::optional<Site> ParseSite(std::string_view text) {
  std::string_view rest;
  const std::string scheme = SplitScheme(text, &rest);
  if (scheme.empty()) return std::nullopt;
  auto address = channel::ParseAuthority(rest);
  if (!address.has_value()) return std::nullopt;
  return MakeSite(scheme, std::move(*address));
}

absl::StatusOr<AllowedOrigins> AllowedOrigins::Parse(const std::vector<std::string>& entries) {
  AllowedOrigins origins;
  for (const std::string& entry : entries) {
    if (entry == "*" || entry == "null") {
      (entry == "*" ? origins.all_ : origins.null_) = true;
      continue;
    }
    std::string_view address;
    Entry parsed;
    parsed.scheme = SplitScheme(entry, &address);
    // People copy origins out of an address bar, with the slash of the root.
    if (!address.empty() && address.back() == '/') address.remove_suffix(1);
    std::string why = WhyNoOrigin(entry, parsed.scheme, address);
    if (why.empty()) {
      const auto pattern = channel::ParseAuthorityPattern(address);
      if (pattern.has_value()) {
        parsed.address = *pattern;
      } else if (address.find('*') != std::string_view::npos) {
        why = "* stands only for the first names of a host, as in https://*.example.org";
      } else {
        why = fmt::format(
            "'{}' is no host with an optional port from 1 to 65535 "
            "(international names are written in ASCII, as xn--…)",
            address);
      }
    }
    if (!why.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("--allowed_origins: '{}' can match no page: {}; allowed are "
                      "https://example.org, https://example.org:8443, https://*.example.org, null "
                      "(sandboxed pages and files) and * (all), with commas and no spaces between",
                      entry, why));
    }
    DropDefaultPort(parsed.scheme, &parsed.address.port);
    origins.entries_.push_back(std::move(parsed));
  }
  return origins;
}

bool AllowedOrigins::Allows(std::string_view origin, const Site& own) const {
  if (origin.empty() || all_) return true;
  if (origin == "null") return null_;
  const auto site = ParseSite(origin);
  if (!site.has_value()) return false;
  if (*site == own) return true;
  if (channel::IsLoopbackName(site->address.host) && channel::IsLoopbackName(own.address.host))
    return true;
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.scheme == site->scheme && entry.address.port == site->address.port &&
           entry.address.host.Matches(site->address.host);
  });
}

absl::StatusOr<ServerNames> ServerNames::Parse(const std::vector<std::string>& entries) {
  ServerNames names;
  for (const std::string& entry : entries) {
    if (entry == "*") {
      names.all_ = true;
      continue;
    }
    auto pattern = channel::ParseAuthorityPattern(entry);
    if (!pattern.has_value()) {
      return absl::InvalidArgumentError(
          fmt::format("--server_names: '{}' is no name of a server; allowed are example.org, "
                      "example.org:8443, *.example.org and * (any), without scheme and path, with "
                      "commas and no spaces between",
                      entry));
    }
    names.entries_.push_back(std::move(*pattern));
  }
  return names;
}

bool ServerNames::Contain(const Site& own) const {
  if (all_ || channel::IsLoopbackName(own.address.host)) return true;
  const auto port =
      own.address.port.has_value() ? own.address.port : channel::DefaultPort(own.scheme);
  return std::any_of(entries_.begin(), entries_.end(), [&](const channel::AuthorityPattern& entry) {
    return entry.host.Matches(own.address.host) && (!entry.port.has_value() || entry.port == port);
  });
}

}  // namespace edge
