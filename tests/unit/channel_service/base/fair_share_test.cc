#include "channel_service/base/fair_share.h"

#include <gtest/gtest.h>

namespace channel {
namespace {

constexpr PeerAddress kOne{1};
constexpr PeerAddress kTwo{2};
constexpr PeerAddress kThree{3};

// Takes places until none is given; returns how many it got.
int TakeAll(FairShare& share, PeerAddress address) {
  int taken = 0;
  while (share.Take(address)) ++taken;
  return taken;
}

TEST(FairShareTest, AnAddressGetsHalfOfWhatTheOthersLeave) {
  FairShare share(100);
  EXPECT_EQ(TakeAll(share, kOne), 50);
  EXPECT_EQ(TakeAll(share, kTwo), 25);
  EXPECT_EQ(TakeAll(share, kThree), 13);
  EXPECT_EQ(share.total(), 88u);
}

TEST(FairShareTest, OneMayHaveABound) {
  FairShare share(100, 20);
  EXPECT_EQ(TakeAll(share, kOne), 20);
  EXPECT_EQ(TakeAll(share, kTwo), 20);
}

TEST(FairShareTest, UnixSocketsHavePlacesOfTheirOwn) {
  FairShare share(100, 20);
  EXPECT_EQ(TakeAll(share, kOne), 20);
  EXPECT_EQ(TakeAll(share, PeerAddress::kUnix), 100);
  EXPECT_EQ(TakeAll(share, kTwo), 20);
  share.Give(PeerAddress::kUnix);
  EXPECT_EQ(TakeAll(share, PeerAddress::kUnix), 1);
}

TEST(FairShareTest, TheLastPlaceIsGiven) {
  FairShare share(1);
  EXPECT_TRUE(share.Take(kOne));
  EXPECT_FALSE(share.Take(kOne));
  EXPECT_FALSE(share.Take(kTwo));
  share.Give(kOne);
  EXPECT_TRUE(share.Take(kTwo));
}

TEST(FairShareTest, PlacesThatAreGivenBackAreFreeForAll) {
  FairShare share(100);
  TakeAll(share, kOne);
  for (int i = 0; i < 50; ++i) share.Give(kOne);
  EXPECT_EQ(share.total(), 0u);
  EXPECT_EQ(TakeAll(share, kTwo), 50);
}

}  // namespace
}  // namespace channel
