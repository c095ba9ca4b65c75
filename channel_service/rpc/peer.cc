#include "channel_service/rpc/peer.h"

#include <arpa/inet.h>
#include <spdlog/fmt/fmt.h>

#include "channel_service/base/peer_address.h"

namespace channel {
namespace ip = boost::asio::ip;

std::string GrpcPeerName(const ip::tcp::endpoint& endpoint) {
  const ip::address address = Unmapped(endpoint.address());
  if (address.is_v4()) return fmt::format("ipv4:{}:{}", address.to_string(), endpoint.port());
  const auto bytes = address.to_v6().to_bytes();
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(AF_INET6, bytes.data(), text, sizeof text);
  const auto scope = address.to_v6().scope_id();
  const std::string zone = scope == 0 ? "" : fmt::format("%25{}", scope);
  return fmt::format("ipv6:%5B{}{}%5D:{}", text, zone, endpoint.port());
}

}  // namespace channel
