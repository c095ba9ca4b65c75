// The pages that may open a WebSocket here (--allowed_origins), and the names of this server
// (--server_names).
//
// Values, made from flags at the start; any thread. A browser tells the page's origin in `Origin`
// (RFC 6454) and the name that it looked up in `Host`; a page can forge neither.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "channel_service/http/authority.h"

namespace edge {

// Scheme, host and port: what a browser calls an origin. It is normal: the default port is left
// out.
struct Site {
  std::string scheme;
  channel::Authority address;

  bool operator==(const Site&) const = default;
};

// Makes a site, without the port if that is the scheme's default.
Site MakeSite(std::string_view scheme, channel::Authority address);

// "https://a.example:8443"; for logs.
std::string ToString(const Site& site);

// Returns nothing if `text` is no "scheme://host[:port]".
std::optional<Site> ParseSite(std::string_view text);

// The flag --allowed_origins.
class AllowedOrigins {
 public:
  // Entries: https://a.example, https://*.a.example (every name below it), null, *.
  // INVALID_ARGUMENT names an entry that can match no page, and says why.
  static absl::StatusOr<AllowedOrigins> Parse(const std::vector<std::string>& entries);

  // Returns whether a page of `origin` (the header; empty: the client is no browser) may connect to
  // `own`: if both are the same site, if both are the machine itself (then with any port and
  // scheme, for development servers), or if the origin is listed.
  bool Allows(std::string_view origin, const Site& own) const;

 private:
  struct Entry {
    std::string scheme;
    channel::AuthorityPattern address;
  };
  std::vector<Entry> entries_;
  bool all_ = false;
  bool null_ = false;
};

// The flag --server_names.
class ServerNames {
 public:
  // Entries: a.example, a.example:8080, *.a.example, *. INVALID_ARGUMENT names a bad one.
  static absl::StatusOr<ServerNames> Parse(const std::vector<std::string>& entries);

  bool empty() const { return entries_.empty() && !all_; }
  // Returns whether `own` has one of the names, or is the machine itself. Loopback names are always
  // allowed, because no foreign site can have one.
  bool Contain(const Site& own) const;

 private:
  std::vector<channel::AuthorityPattern> entries_;
  bool all_ = false;
};

}  // namespace edge
