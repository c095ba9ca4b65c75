// Names of hosts as HTTP headers and flags give them: "a.example", "a.example:8080", "[::1]:80".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace channel {

// A host and its port. `host` is normal: in lower case, an IPv6 address in brackets and in its
// shortest form. So equal hosts are equal strings.
struct Authority {
  std::string host;
  std::optional<uint16_t> port;  // none: the default of the scheme

  bool operator==(const Authority&) const = default;
};

// Parses a host with an optional port from 1 to 65535 (RFC 3986 section 3.2, without user
// information). Returns nothing for any other text. International names must be written in ASCII
// (xn--…), as browsers do.
std::optional<Authority> ParseAuthority(std::string_view text);

// Returns the port that browsers leave out: 80 for http, 443 for https, none for other schemes.
std::optional<uint16_t> DefaultPort(std::string_view scheme);

// Returns whether a browser always reaches its own machine under this normal host: localhost, the
// names below it (RFC 6761 section 6.3: nobody can register one), 127.0.0.0/8 and [::1].
bool IsLoopbackName(std::string_view host);

// Returns whether the normal host is an IPv4 or IPv6 address.
bool IsAddress(std::string_view host);

// A normal host, or one with "*." in front, which stands for every name below the rest.
struct HostPattern {
  std::string host;    // without "*."
  bool below = false;  // "*." was in front

  bool Matches(std::string_view other) const;
};

struct AuthorityPattern {
  HostPattern host;
  std::optional<uint16_t> port;
};

// Parses "a.example", "*.a.example:8080" and the like. Returns nothing for any other text.
std::optional<AuthorityPattern> ParseAuthorityPattern(std::string_view text);

}  // namespace channel
