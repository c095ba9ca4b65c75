// Addresses as flags give them: to listen on, or to connect to.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace channel {

// Parses "127.0.0.1:2206", "[::1]:2206" or "localhost:2206" (localhost means 127.0.0.1). The host
// is an address of this machine; port 0 means any free one. INVALID_ARGUMENT says what was wrong
// and what is allowed.
absl::StatusOr<boost::asio::ip::tcp::endpoint> ParseListenAddress(std::string_view text);

// Whether `text` means a Unix socket: "unix:PATH".
bool IsUnixAddress(std::string_view text);

// The path of "unix:/run/channel.sock", which IsUnixAddress: absolute, of at most 107 bytes, which
// is what the kernel takes. INVALID_ARGUMENT says what was wrong and what is allowed.
absl::StatusOr<std::string> ParseUnixAddress(std::string_view text);

// OK if `text` is HOST:PORT with a host name, an IPv4 address or an IPv6 address in brackets, and a
// port from 1 to 65535, or unix:PATH, to connect to. INVALID_ARGUMENT says what is wrong and what
// is allowed.
absl::Status CheckConnectAddress(std::string_view text);

// Returns what gRPC takes for an address that CheckConnectAddress takes: the path of a Unix socket
// is that of a URI.
std::string GrpcTarget(std::string_view address);

// CheckConnectAddress for a list, which must have at least one address, and none twice.
absl::Status CheckConnectAddresses(const std::vector<std::string>& addresses);

// As ParseListenAddress takes it: "127.0.0.1:2206", "[::1]:2206".
std::string ToString(const boost::asio::ip::tcp::endpoint& endpoint);

// OK if listening there is safe without authentication: a loopback address, or the operator said
// --insecure, and a warning says what that allows: `allowed`, whoever reaches the address.
// FAILED_PRECONDITION otherwise, with the way out in the message.
absl::Status CheckExposure(const boost::asio::ip::tcp::endpoint& endpoint, std::string_view flag,
                           std::string_view allowed, bool insecure);

}  // namespace channel
