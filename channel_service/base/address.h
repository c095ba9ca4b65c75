// HOST:PORT as people write it.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace channel {

// Parses "127.0.0.1:2206", "[::1]:2206" or "localhost:2206" (localhost means 127.0.0.1); the host
// must be an address of this machine to listen on. INVALID_ARGUMENT says what was wrong and what is
// allowed.
absl::StatusOr<boost::asio::ip::tcp::endpoint> ParseListenAddress(std::string_view text);

// OK if `text` is HOST:PORT with a host name or address and a port from 1, to connect to.
// INVALID_ARGUMENT says what is allowed.
absl::Status CheckConnectAddress(std::string_view text);

// "127.0.0.1:2206", "[::1]:2206".
std::string ToString(const boost::asio::ip::tcp::endpoint& endpoint);

// OK if listening there is safe without authentication: a loopback address, or the operator said
// --insecure. FAILED_PRECONDITION otherwise, with the way out in the message.
absl::Status CheckExposure(const boost::asio::ip::tcp::endpoint& endpoint, std::string_view flag,
                           bool insecure);

}  // namespace channel
