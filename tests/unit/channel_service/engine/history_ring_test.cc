#include "channel_service/engine/history_ring.h"

#include <gtest/gtest.h>

#include <string>

namespace channel {
namespace {

// A record with a body of 10 bytes, and what it costs beside its own 25.
constexpr size_t kRecordBytes = 25 + 64;

RecordPtr Make(uint64_t offset, uint64_t previous, size_t body_bytes = 10,
               SteadyTime held_since = {}) {
  const std::string body(body_bytes, 'x');
  PublishInput input;
  input.group_id = "g";
  input.body = body;
  return MakeRecord(input, offset, previous, /*time_unix_ms=*/0, held_since);
}

std::vector<uint64_t> Offsets(const HistoryRing& ring, uint64_t after) {
  ReadResult result;
  ring.Read(after, ReadRequest(), &result);
  std::vector<uint64_t> offsets;
  for (const auto& record : result.records) offsets.push_back(record->offset);
  return offsets;
}

TEST(HistoryRingTest, HoldsTheNewestByNumberAndBytes) {
  HistoryRing ring;
  for (uint64_t i = 1; i <= 5; ++i) ring.Append(Make(i * 10, (i - 1) * 10), 3, 10'000);
  EXPECT_EQ(Offsets(ring, 0), (std::vector<uint64_t>{30, 40, 50}));
  EXPECT_EQ(ring.bytes(), 3 * kRecordBytes);
  ring.Append(Make(60, 50, 15), 3, 3 * kRecordBytes);
  EXPECT_EQ(Offsets(ring, 0), (std::vector<uint64_t>{50, 60}));
  ring.Append(Make(70, 60, 500), 3, 30);
  EXPECT_EQ(Offsets(ring, 0), (std::vector<uint64_t>{70})) << "one record is always held";
}

TEST(HistoryRingTest, ReadsAfterAnOffsetThatNeedNotBeARecord) {
  HistoryRing ring;
  for (uint64_t i = 1; i <= 4; ++i) ring.Append(Make(i * 10, (i - 1) * 10), 10, 10'000);
  EXPECT_EQ(Offsets(ring, 20), (std::vector<uint64_t>{30, 40}));
  EXPECT_EQ(Offsets(ring, 25), (std::vector<uint64_t>{30, 40}));
  EXPECT_TRUE(Offsets(ring, 40).empty());
}

TEST(HistoryRingTest, DropsWhatIsTooOld) {
  HistoryRing ring;
  const auto at = [](int64_t second) { return SteadyTime(std::chrono::seconds(second)); };
  for (int i = 1; i <= 4; ++i) {
    ring.Append(Make(static_cast<uint64_t>(i), 0, 10, at(i)), 10, 10'000);
  }
  ring.DropOlderThan(at(3));
  EXPECT_EQ(Offsets(ring, 0), (std::vector<uint64_t>{3, 4}));
}

TEST(HistoryRingTest, FindsWhereTheLastOnesBegin) {
  HistoryRing ring;
  for (uint64_t i = 2; i <= 5; ++i) ring.Append(Make(i * 10, (i - 1) * 10), 10, 10'000);
  EXPECT_EQ(ring.OffsetBeforeLast(2), 30u);
  EXPECT_EQ(ring.OffsetBeforeLast(4), 10u);
  EXPECT_EQ(ring.OffsetBeforeLast(400), 10u);
  EXPECT_EQ(ring.OffsetBeforeLast(0), 50u);
}

}  // namespace
}  // namespace channel
