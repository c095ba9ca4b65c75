// The addresses of peers, as far as they are told apart.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>

namespace channel {

// An IPv4 address, or the first 64 bits of an IPv6 address: a peer that has one of those usually
// has all.
using PeerAddress = std::array<uint8_t, 8>;

// All who come over a Unix socket. No peer of a network has this address.
inline constexpr PeerAddress kUnixPeer = {255, 255, 255, 255, 255, 255, 255, 255};

PeerAddress AddressOf(const boost::asio::ip::tcp::endpoint& endpoint);

// Turns an IPv4 address that is written as IPv6 (::ffff:192.0.2.1) into IPv4: both mean the same
// machine.
boost::asio::ip::address Unmapped(const boost::asio::ip::address& address);

}  // namespace channel
