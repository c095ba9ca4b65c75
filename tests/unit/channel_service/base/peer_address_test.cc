#include "channel_service/base/peer_address.h"

#include <gtest/gtest.h>

namespace channel {
namespace {

boost::asio::ip::tcp::endpoint At(const char* address) {
  return {boost::asio::ip::make_address(address), 4321};
}

TEST(PeerAddressTest, AnIpv6NetworkOf64BitsIsOneAddress) {
  EXPECT_EQ(AddressOf(At("2001:db8::1")), AddressOf(At("2001:db8::ffff:2")));
  EXPECT_NE(AddressOf(At("2001:db8::1")), AddressOf(At("2001:db8:0:1::1")));
  EXPECT_EQ(AddressOf(At("::ffff:10.0.0.1")), AddressOf(At("10.0.0.1")));
  EXPECT_NE(AddressOf(At("10.0.0.1")), AddressOf(At("10.0.0.2")));
  EXPECT_EQ(AddressOf(At("::1")), AddressOf(At("127.0.0.1")));
}

}  // namespace
}  // namespace channel
