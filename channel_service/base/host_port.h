// HOST:PORT as people write it in flags and URLs: to connect to, or to listen on.
//
// Names of hosts in HTTP headers follow a rule of their own (channel_service/http/authority.h):
// they are compared, so they have a normal form.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace channel {

// Views into the text that was parsed.
struct HostAndPort {
  std::string_view host;  // a name, an IPv4 address, or an IPv6 address without its brackets
  bool is_v6 = false;
  std::optional<uint16_t> port;  // nothing: none is written
};

// HOST, HOST:PORT, [IPV6] or [IPV6]:PORT, with a port of at least `port_min`. The message of
// INVALID_ARGUMENT is what is wrong, as a clause, and repeats nothing of the text, which may hold a
// secret.
absl::StatusOr<HostAndPort> ParseHostAndPort(std::string_view text, uint16_t port_min = 1);

}  // namespace channel
