#include "ws_edge/upstream/poll_descriptor.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

namespace edge {
namespace {

// restart_test runs a real edge without the descriptor.
TEST(PollDescriptorTest, OnlyAVersionThatIsKnownIsWatched) {
  EXPECT_TRUE(WaitsInOneEpollSet("1.51.1"));
  EXPECT_FALSE(WaitsInOneEpollSet("1.5.0"));
  EXPECT_FALSE(WaitsInOneEpollSet("1.60.0"));
  EXPECT_FALSE(WaitsInOneEpollSet(""));
  EXPECT_EQ(FindPollDescriptor() >= 0, WaitsInOneEpollSet(grpc::Version()));
}

}  // namespace
}  // namespace edge
