#include "channel_service/rpc/peer.h"

#include <gtest/gtest.h>

namespace channel {
namespace {

boost::asio::ip::tcp::endpoint At(const char* address) {
  return {boost::asio::ip::make_address(address), 4321};
}

TEST(PeerTest, NamesAreThoseOfGrpc) {
  EXPECT_EQ(GrpcPeerName(At("127.0.0.1")), "ipv4:127.0.0.1:4321");
  EXPECT_EQ(GrpcPeerName(At("::1")), "ipv6:%5B::1%5D:4321");
  EXPECT_EQ(GrpcPeerName(At("2001:db8:0:0:0:0:0:1")), "ipv6:%5B2001:db8::1%5D:4321");
  EXPECT_EQ(GrpcPeerName(At("::ffff:10.0.0.1")), "ipv4:10.0.0.1:4321");
}

}  // namespace
}  // namespace channel
