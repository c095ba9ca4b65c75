#include "channel_service/engine/history_ring.h"

#include <gtest/gtest.h>

#include <string>

#include "channel_service/base/heap.h"

namespace channel {
namespace {

// A record with a body of 10 bytes on the heap: 32 bytes of its own, 25 of the publication.
constexpr size_t kRecordBytes = HeapBytes(32 + 25);
constexpr size_t kFourPlaces = HeapBytes(4 * sizeof(void*));

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
  EXPECT_EQ(ring.bytes(), 3 * kRecordBytes + kFourPlaces);
  ring.Append(Make(60, 50, 45), 3, 3 * kRecordBytes + kFourPlaces);
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

TEST(HistoryRingTest, ItsPlacesComeAndGoWithWhatItHolds) {
  HistoryRing ring;
  EXPECT_EQ(ring.bytes(), 0u);
  for (uint64_t i = 1; i <= 1000; ++i) ring.Append(Make(i, i - 1), 256, 1 << 20);
  EXPECT_EQ(ring.bytes(), 256 * kRecordBytes + HeapBytes(256 * sizeof(void*)))
      << "a full ring has no place too many";
  while (ring.size() > 4) ring.DropOldest();
  EXPECT_LE(ring.bytes(), 4 * kRecordBytes + HeapBytes(16 * sizeof(void*)));
  EXPECT_EQ(Offsets(ring, 0), (std::vector<uint64_t>{997, 998, 999, 1000}));
  while (!ring.empty()) ring.DropOldest();
  EXPECT_EQ(ring.bytes(), 0u);
  EXPECT_EQ(ring.dropped_through(), 1000u);
  ring.Append(Make(1001, 1000), 256, 1 << 20);
  EXPECT_EQ(Offsets(ring, 0), (std::vector<uint64_t>{1001}));
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
