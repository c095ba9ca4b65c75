#include "ws_edge/groups/recent_ring.h"

#include <gtest/gtest.h>

#include <vector>

namespace edge {
namespace {

RecentRing::Entry Entry(uint64_t offset, uint64_t previous, size_t bytes = 10) {
  return {offset, previous, Frame::Encode(Opcode::kText, std::string(bytes, 'x'))};
}

std::vector<uint64_t> After(const RecentRing& ring, uint64_t offset) {
  std::vector<uint64_t> offsets;
  ring.VisitAfter(offset, [&](const RecentRing::Entry& entry) {
    offsets.push_back(entry.offset);
    return true;
  });
  return offsets;
}

using Offsets = std::vector<uint64_t>;

TEST(RecentRingTest, HoldsEverythingAfterWhereItBegan) {
  RecentRing ring;
  ring.Restart(10, false);
  EXPECT_EQ(ring.last(), 10u);
  ring.Append(Entry(12, 9), false);
  ring.Append(Entry(20, 12), false);
  EXPECT_EQ(ring.after(), 10u);
  EXPECT_EQ(ring.last(), 20u);
  EXPECT_EQ(After(ring, 10), (Offsets{12, 20}));
  EXPECT_EQ(After(ring, 12), (Offsets{20}));
  EXPECT_EQ(After(ring, 20), Offsets{});
}

TEST(RecentRingTest, TheOldestGoFirstAndAreNotClaimedAnyMore) {
  RecentRing ring;
  ring.Restart(0, true);
  for (uint64_t i = 1; i <= kRecentPublicationsMax; ++i) ring.Append(Entry(i, i - 1), false);
  EXPECT_TRUE(ring.begins_with_oldest());
  ring.Append(Entry(kRecentPublicationsMax + 1, kRecentPublicationsMax), false);
  EXPECT_EQ(ring.size(), kRecentPublicationsMax);
  EXPECT_EQ(ring.after(), 1u);
  EXPECT_FALSE(ring.begins_with_oldest());
}

TEST(RecentRingTest, BytesAreBoundedButTheNewestIsKept) {
  RecentRing ring;
  ring.Restart(0, false);
  ring.Append(Entry(1, 0, kRecentBytesMax / 2), false);
  ring.Append(Entry(2, 1, kRecentBytesMax / 2), false);
  EXPECT_EQ(After(ring, 0), (Offsets{2}));
  ring.Append(Entry(3, 2, 2 * kRecentBytesMax), false);
  EXPECT_EQ(After(ring, 0), (Offsets{3}));
  ring.Restart(3, false);
  EXPECT_EQ(ring.bytes(), 0u);
}

TEST(RecentRingTest, WhatIsAskedForAsAWholeIsKeptUntilTheNext) {
  RecentRing ring;
  ring.Restart(0, true);
  for (uint64_t i = 1; i <= 2 * kRecentPublicationsMax; ++i) ring.Append(Entry(i, i - 1), true);
  EXPECT_EQ(ring.size(), 2 * kRecentPublicationsMax);
  EXPECT_TRUE(ring.begins_with_oldest());
  ring.Append(Entry(2 * kRecentPublicationsMax + 1, 2 * kRecentPublicationsMax), false);
  EXPECT_EQ(ring.size(), kRecentPublicationsMax);
}

TEST(RecentRingTest, TheFirstOfTheNewestSaysWhereItBegins) {
  RecentRing ring;
  ring.RestartUnanchored(true);
  EXPECT_FALSE(ring.anchored());
  ring.Append(Entry(20, 12), false);
  ring.Append(Entry(30, 20), false);
  EXPECT_TRUE(ring.anchored());
  EXPECT_EQ(ring.after(), 12u);
  EXPECT_EQ(ring.PositionBeforeLast(2), 12u);
  EXPECT_EQ(ring.PositionBeforeLast(1), 20u);
  EXPECT_EQ(ring.PositionBeforeLast(0), 30u);
}

}  // namespace
}  // namespace edge
