#include "ws_edge/upstream/poll_descriptor.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

namespace edge {
namespace {

// What an edge does without it is tested with real processes (restart_test).
TEST(PollDescriptorTest, OnlyAVersionThatIsKnownIsWatched) {
  EXPECT_TRUE(WaitsInOneEpollSet("1.51.1"));
  EXPECT_FALSE(WaitsInOneEpollSet("1.5.0"));
  EXPECT_FALSE(WaitsInOneEpollSet("1.60.0"));
  EXPECT_FALSE(WaitsInOneEpollSet(""));
  EXPECT_EQ(FindPollDescriptor() >= 0, WaitsInOneEpollSet(grpc::Version()));
}

}  // namespace
}  // namespace edge
