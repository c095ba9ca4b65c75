// Every engine's promises (channel_service/engine/engine.h) about reading.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/contract/engine_contract.h"

namespace channel::test {
namespace {

TEST_P(EngineContract, AReadGivesWhatFollowsAPosition) {
  const uint64_t first = driver_.Publish("g", "1");
  const uint64_t second = driver_.Publish("g", "2");
  const ReadResult result = driver_.ReadSince("g", first);
  EXPECT_FALSE(result.gap.has_value());
  EXPECT_EQ(result.head, second);
  EXPECT_GE(result.newest, second);
  EXPECT_FALSE(result.more);
  ASSERT_EQ(result.records.size(), 1u);
  EXPECT_EQ(result.records[0]->offset, second);
  EXPECT_EQ(result.records[0]->previous_offset, first);
  EXPECT_TRUE(driver_.ReadSince("g", second).records.empty());
}

TEST_P(EngineContract, AnAttachedGroupIsReadAsOneThatIsNot) {
  const uint64_t first = driver_.Publish("g", "1");
  driver_.Attach("g");
  driver_.Publish("g", "2");
  driver_.AwaitBodies("g", 1);
  const ReadResult result = driver_.ReadSince("g", first);
  EXPECT_FALSE(result.gap.has_value());
  EXPECT_EQ(BodiesOf(result.records), Bodies{"2"});
  EXPECT_EQ(BodiesOf(driver_.Read({.group_id = "g"}).records), (Bodies{"1", "2"}));
}

TEST_P(EngineContract, APositionOfAnotherGroupThatIsNewerMissedNothing) {
  driver_.Publish("g", "1");
  const uint64_t newer = driver_.Publish("other", "x");
  const ReadResult result = driver_.ReadSince("g", newer);
  EXPECT_FALSE(result.gap.has_value());
  EXPECT_TRUE(result.records.empty());
}

TEST_P(EngineContract, WhatIsNoLongerHeldIsAGapThatNamesExactlyTheMissingRange) {
  const uint64_t first = driver_.Publish("g", "0");
  std::vector<uint64_t> offsets;
  for (int i = 0; i < 30; ++i) offsets.push_back(driver_.Publish("g", "x"));
  const ReadResult result = driver_.ReadSince("g", first);
  ASSERT_TRUE(result.gap.has_value());
  EXPECT_EQ(result.gap->reason, GapReason::kRetention);
  EXPECT_EQ(result.gap->after, first);
  ASSERT_EQ(result.records.size(), kHistoryPublicationsMax);
  EXPECT_EQ(result.gap->before, result.records[0]->offset);
  EXPECT_EQ(result.records[0]->offset, offsets[20]);
  EXPECT_LT(result.records[0]->previous_offset, result.gap->before);
}

TEST_P(EngineContract, AnotherEpochIsAGapBeforeAllThatIsHeld) {
  const uint64_t first = driver_.Publish("g", "1");
  const ReadResult result =
      driver_.Read({.group_id = "g", .since = StreamPosition{"another", 500}});
  ASSERT_TRUE(result.gap.has_value());
  EXPECT_EQ(result.gap->reason, GapReason::kEpoch);
  EXPECT_EQ(result.gap->after, 500u);
  EXPECT_EQ(result.gap->before, first);
  EXPECT_EQ(result.records.size(), 1u);
}

TEST_P(EngineContract, AnOffsetThatTheLogHasNotReachedIsAPositionThatItNeverGave) {
  const uint64_t first = driver_.Publish("g", "1");
  const ReadResult result = driver_.ReadSince("g", 1'000'000);
  ASSERT_TRUE(result.gap.has_value());
  EXPECT_EQ(result.gap->reason, GapReason::kPosition);
  EXPECT_EQ(result.gap->after, 0u) << "what the client has of this log is not known";
  EXPECT_EQ(result.gap->before, first);
  EXPECT_EQ(BodiesOf(result.records), Bodies{"1"});
}

// An engine may use offsets for itself, so that the newest one is not always of a publication.
TEST_P(EngineContract, TheHeadOfAGroupWithoutPublicationsIsTheNewestOffset) {
  const ReadResult first = driver_.Read({.group_id = "g"});
  EXPECT_EQ(first.head, first.newest);
  const uint64_t newest = driver_.Publish("other", "x");
  EXPECT_GT(newest, first.head);
  EXPECT_GE(driver_.Read({.group_id = "g"}).head, newest);
  EXPECT_FALSE(driver_.ReadSince("g", newest).gap.has_value());
  EXPECT_FALSE(driver_.ReadSince("g", first.head).gap.has_value());
}

TEST_P(EngineContract, TheLastOnesCanBeAskedFor) {
  for (int i = 0; i < 5; ++i) driver_.Publish("g", std::to_string(i));
  const ReadResult result = driver_.Read({.group_id = "g", .last = 2});
  EXPECT_EQ(BodiesOf(result.records), (Bodies{"3", "4"}));
  EXPECT_FALSE(result.gap.has_value());
  const ReadResult all = driver_.Read({.group_id = "g", .last = 100});
  EXPECT_EQ(all.records.size(), 5u);
  EXPECT_FALSE(all.gap.has_value()) << "there never were more";
}

TEST_P(EngineContract, FewerThanTheLastOnesThatThereWereAreAGap) {
  for (int i = 0; i < 30; ++i) driver_.Publish("g", std::to_string(i));
  const ReadResult fewer = driver_.Read({.group_id = "g", .last = kHistoryPublicationsMax + 1});
  ASSERT_EQ(fewer.records.size(), kHistoryPublicationsMax);
  ASSERT_TRUE(fewer.gap.has_value());
  EXPECT_EQ(fewer.gap->reason, GapReason::kRetention);
  EXPECT_EQ(fewer.gap->after, 0u);
  EXPECT_EQ(fewer.gap->before, fewer.records[0]->offset);
  EXPECT_LT(fewer.records[0]->previous_offset, fewer.gap->before);
  driver_.Attach("g");
  EXPECT_TRUE(driver_.Read({.group_id = "g", .last = 20}).gap.has_value());
  EXPECT_FALSE(driver_.Read({.group_id = "g", .last = kHistoryPublicationsMax}).gap.has_value());
  const ReadResult none = driver_.Read({.group_id = "another", .last = 5});
  EXPECT_FALSE(none.gap.has_value()) << "it never had any";
  EXPECT_TRUE(none.records.empty());
}

TEST_P(EngineContract, AReadIsCutByItsCountAndSaysSo) {
  const uint64_t start = driver_.Publish("g", "0");
  for (int i = 1; i <= 5; ++i) driver_.Publish("g", std::to_string(i));
  ReadRequest request{.group_id = "g", .since = driver_.At(start), .count_max = 3};
  const ReadResult first = driver_.Read(request);
  EXPECT_TRUE(first.more);
  ASSERT_EQ(BodiesOf(first.records), (Bodies{"1", "2", "3"}));
  request.since = driver_.At(first.records.back()->offset);
  const ReadResult rest = driver_.Read(request);
  EXPECT_FALSE(rest.more);
  EXPECT_EQ(BodiesOf(rest.records), (Bodies{"4", "5"}));
  request.since = driver_.At(start);
  request.count_max = 5;
  EXPECT_FALSE(driver_.Read(request).more) << "exactly as many as there are";
}

TEST_P(EngineContract, AReadIsCutByItsBytesAndSaysSoButGivesOneAtLeast) {
  const uint64_t start = driver_.Publish("g", "0");
  for (const char c : {'a', 'b', 'c'}) driver_.Publish("g", std::string(1000, c));
  ReadRequest request{.group_id = "g", .since = driver_.At(start), .bytes_max = 2500};
  const ReadResult two = driver_.Read(request);
  EXPECT_EQ(two.records.size(), 2u);
  EXPECT_TRUE(two.more);
  request.bytes_max = 1;
  const ReadResult one = driver_.Read(request);
  EXPECT_EQ(BodiesOf(one.records), Bodies{std::string(1000, 'a')});
  EXPECT_TRUE(one.more);
}

}  // namespace
}  // namespace channel::test
