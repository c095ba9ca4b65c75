#include "channel_service/base/peer_address.h"

#include <boost/endian/conversion.hpp>

namespace channel {

namespace ip = boost::asio::ip;

PeerAddress AddressOf(const ip::tcp::endpoint& endpoint) {
  const ip::address address = Unmapped(endpoint.address());
  // No IPv6 address of another machine begins with 4 bytes of zero.
  if (address.is_v4()) return PeerAddress{address.to_v4().to_uint()};
  if (address.is_loopback()) return PeerAddress{ip::address_v4::loopback().to_uint()};
  const auto bytes = address.to_v6().to_bytes();
  return PeerAddress{boost::endian::load_big_u64(bytes.data())};
}

ip::address Unmapped(const ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

}  // namespace channel
