// The addresses of peers, as far as they are told apart.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>

namespace channel {

// An IPv4 address, or the first 64 bits of an IPv6 address: a peer that has one of those usually
// has all. This machine is one address, whether it calls itself 127.0.0.1 or ::1.
enum class PeerAddress : uint64_t {
  kNobody = 0,
  kUnix = UINT64_MAX,  // all who come over a Unix socket; no peer of a network has it
};

PeerAddress AddressOf(const boost::asio::ip::tcp::endpoint& endpoint);

// Turns an IPv4 address that is written as IPv6 (::ffff:192.0.2.1) into IPv4: both mean the same
// machine.
boost::asio::ip::address Unmapped(const boost::asio::ip::address& address);

}  // namespace channel
