// Silent connections of one address leave places for others.
#include "ws_edge/net/connection_places.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace edge {
namespace {

using Endpoint = ConnectionPlaces::Endpoint;

Endpoint At(const std::string& address) { return {boost::asio::ip::make_address(address), 4321}; }

class ConnectionPlacesTest : public ::testing::Test {
 protected:
  ConnectionPlacesTest() { limits_.connections_max = 100 - kRefusalsMax; }

  // Opens silent sessions until it may not; returns their number.
  static size_t OpenAll(ConnectionPlaces& places, const Endpoint& client) {
    size_t count = 0;
    for (; places.WhyNoSession(client).empty(); ++count) places.OnSessionOpened(client);
    return count;
  }

  EdgeLimits limits_;
  const Endpoint one_ = At("192.0.2.1");
  const Endpoint two_ = At("2001:db8::1");
};

TEST_F(ConnectionPlacesTest, SilentSessionsOfAnAddressTakeHalfOfWhatOthersLeave) {
  ConnectionPlaces places(limits_);
  EXPECT_EQ(OpenAll(places, one_), 50u);
  EXPECT_EQ(OpenAll(places, two_), 25u);
  EXPECT_NE(places.WhyNoSession(At("2001:db8::2")), "") << "it is of the same network";
  places.OnSessionOver(two_, /*heard=*/false);
  EXPECT_EQ(places.WhyNoSession(At("2001:db8::2")), "");
}

TEST_F(ConnectionPlacesTest, ASessionThatIsHeardIsNoLongerSilentButStillHasItsPlace) {
  ConnectionPlaces places(limits_);
  for (int i = 0; i < 60; ++i) {
    ASSERT_EQ(places.WhyNoSession(one_), "");
    places.OnSessionOpened(one_);
    places.OnSessionHeard(one_);
  }
  EXPECT_EQ(OpenAll(places, two_), 20u) << "half of the 40 that are left";
  for (int i = 0; i < 60; ++i) places.OnSessionOver(one_, /*heard=*/true);
  EXPECT_EQ(places.sessions(), 20u);
  EXPECT_EQ(OpenAll(places, two_), 30u);
}

TEST_F(ConnectionPlacesTest, ConnectionsWithoutARequestCountUntilTheyAreGone) {
  ConnectionPlaces places(limits_);
  std::vector<std::shared_ptr<void>> held;
  while (places.WhyNoRequest(one_) == nullptr) held.push_back(places.TakeForRequest(one_));
  EXPECT_EQ(held.size(), 50u);
  EXPECT_NE(places.WhyNoSession(one_), "");
  EXPECT_EQ(places.WhyNoRequest(two_), nullptr);
  held.pop_back();
  EXPECT_EQ(places.WhyNoRequest(one_), nullptr);
  held.clear();
  EXPECT_EQ(places.requests(), 0u);
}

// A connection that is open when the edge ends goes with the loop, after the server.
TEST_F(ConnectionPlacesTest, APlaceMayOutliveThem) {
  auto places = std::make_unique<ConnectionPlaces>(limits_);
  std::shared_ptr<void> place = places->TakeForRequest(one_);
  places.reset();
  EXPECT_EQ(place.use_count(), 1);
  place.reset();
}

TEST_F(ConnectionPlacesTest, NobodyGetsMorePlacesThanThereAre) {
  ConnectionPlaces places(limits_);
  for (size_t i = 0; i < limits_.connections_max; ++i) {
    places.OnSessionOpened(one_);
    places.OnSessionHeard(one_);
  }
  EXPECT_EQ(places.WhyNoSession(two_), "this edge is full");
  EXPECT_EQ(places.WhyNoRequest(two_), nullptr) << "to be told so";
}

TEST_F(ConnectionPlacesTest, AnAddressMayHaveSoManySessions) {
  limits_.connections_per_address_max = 2;
  ConnectionPlaces places(limits_);
  for (int i = 0; i < 2; ++i) {
    places.OnSessionOpened(one_);
    places.OnSessionHeard(one_);
  }
  EXPECT_NE(places.WhyNoSession(one_).find("2 connections of this address"), std::string::npos);
  EXPECT_EQ(places.WhyNoSession(two_), "");
  places.OnSessionOver(one_, /*heard=*/true);
  EXPECT_EQ(places.WhyNoSession(one_), "");
}

}  // namespace
}  // namespace edge
