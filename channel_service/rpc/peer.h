// gRPC's names of the peers of its port.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>

namespace channel {

// Returns what ServerContext::peer gives for a connection from there: "ipv4:127.0.0.1:4321",
// "ipv6:%5B::1%5D:4321".
std::string GrpcPeerName(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace channel
