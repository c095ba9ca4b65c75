#include "channel_service/base/peer_address.h"

#include <algorithm>

namespace channel {

namespace ip = boost::asio::ip;

PeerAddress AddressOf(const ip::tcp::endpoint& endpoint) {
  PeerAddress result{};
  const ip::address address = Unmapped(endpoint.address());
  if (address.is_v4()) {
    // No IPv6 address of another machine begins with 4 bytes of zero.
    const auto bytes = address.to_v4().to_bytes();
    std::copy(bytes.begin(), bytes.end(), result.begin() + 4);
  } else {
    const auto bytes = address.to_v6().to_bytes();
    std::copy_n(bytes.begin(), result.size(), result.begin());
  }
  return result;
}

ip::address Unmapped(const ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

}  // namespace channel
