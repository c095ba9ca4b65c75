// Reads of a log whose servers do not all know the same: replicas that are behind, and who was the
// leader before a partition and has not heard that there is another.
#include "channel_service/engine/jetstream/log_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/channel_service/engine/jetstream/log_fixture.h"

namespace channel {
namespace {

using Bodies = std::vector<std::string>;
using LogReaderTest = LogFixture;

constexpr unsigned kLeaderPatterns = 32;
constexpr unsigned kReplicaPatterns = 16;

TEST_F(LogReaderTest, WhoeverIsBehindNothingIsLeftOutAndNoGapIsInvented) {
  TwoServers servers(url(), {.held = {3, 5}, .last = 6}, {.held = {3, 5, 8, 9, 12}, .last = 13});
  for (unsigned leader = 0; leader < kLeaderPatterns; ++leader) {
    for (unsigned replicas = 0; replicas < kReplicaPatterns; ++replicas) {
      SCOPED_TRACE("leader " + std::to_string(leader) + ", replicas " + std::to_string(replicas));
      servers.Script(leader, replicas);
      const ReadResult result = ReadSince(5, 12);
      EXPECT_TRUE(result.available);
      EXPECT_FALSE(result.gap.has_value());
      EXPECT_EQ(test::BodiesOf(result.records), (Bodies{"8", "9", "12"}));
    }
  }
}

TEST_F(LogReaderTest, WhoeverIsBehindWhatWasDroppedIsAGap) {
  TwoServers servers(url(), {.held = {3, 5}, .last = 6}, {.held = {9, 12}, .last = 13});
  for (unsigned leader = 0; leader < kLeaderPatterns; ++leader) {
    for (unsigned replicas = 0; replicas < kReplicaPatterns; ++replicas) {
      SCOPED_TRACE("leader " + std::to_string(leader) + ", replicas " + std::to_string(replicas));
      servers.Script(leader, replicas);
      const ReadResult result = ReadSince(5, 12);
      ASSERT_TRUE(result.gap.has_value());
      EXPECT_EQ(result.gap->after, 5u);
      EXPECT_EQ(result.gap->before, 9u);
      EXPECT_EQ(test::BodiesOf(result.records), (Bodies{"9", "12"}));
    }
  }
}

TEST_F(LogReaderTest, APositionThatOnlyAnOldLeaderDoesNotKnowIsOfThisLog) {
  TwoServers servers(url(), {.held = {3, 5}, .last = 6}, {.held = {3, 5, 8, 9, 12}, .last = 13});
  servers.Script(7, 0);
  const ReadResult result = ReadSince(13, 5);
  EXPECT_FALSE(result.gap.has_value());
  EXPECT_TRUE(result.records.empty());
}

TEST_F(LogReaderTest, APositionBeyondTheEndOfTheLogIsOneThatItNeverGave) {
  TwoServers servers(url(), {.held = {3, 5}, .last = 6}, {.held = {3, 5, 8, 9, 12}, .last = 13});
  const ReadResult result = ReadSince(20, 12);
  ASSERT_TRUE(result.gap.has_value());
  EXPECT_EQ(result.gap->reason, GapReason::kPosition);
  EXPECT_EQ(result.gap->after, 0u);
  EXPECT_EQ(result.gap->before, 3u);
  EXPECT_EQ(test::BodiesOf(result.records), (Bodies{"3", "5", "8", "9", "12"}));
}

TEST_F(LogReaderTest, AFirstPublicationBetweenTwoQuestionsIsNotTakenForNone) {
  TwoServers servers(url(), {.held = {}, .last = 11}, {.held = {12}, .last = 13});
  servers.Script(1, 0);
  const LogHead head = AskHead();
  EXPECT_TRUE(head.held);
  EXPECT_EQ(head.offset, 12u);
}

TEST_F(LogReaderTest, AGroupOfWhichNothingIsHeldHasTheNewestOffsetAsHead) {
  TwoServers servers(url(), {}, {.held = {}, .last = 13});
  servers.Script(0, 0);
  const LogHead head = AskHead();
  EXPECT_FALSE(head.held);
  EXPECT_EQ(head.offset, 13u);
}

TEST_F(LogReaderTest, FewerThanTheLastOnesOfAStreamThatHasDroppedSomethingAreAGap) {
  TwoServers servers(url(), {}, {.held = {9, 12}, .last = 13});
  servers.Script(0, 0);
  EXPECT_FALSE(ReadLast(2).gap.has_value());
  const ReadResult fewer = ReadLast(3);
  ASSERT_TRUE(fewer.gap.has_value());
  EXPECT_EQ(fewer.gap->after, 0u);
  EXPECT_EQ(fewer.gap->before, 9u);
  EXPECT_EQ(test::BodiesOf(fewer.records), (Bodies{"9", "12"}));
}

TEST_F(LogReaderTest, NoneOfTheLastOnesOfAStreamThatHasDroppedSomethingIsAGap) {
  TwoServers servers(url(), {}, {.held = {}, .last = 13});
  servers.Script(0, 0);
  const ReadResult none = ReadLast(3);
  ASSERT_TRUE(none.gap.has_value());
  EXPECT_EQ(none.gap->before, 14u);
}

TEST_F(LogReaderTest, FewerThanTheLastOnesOfAStreamThatHasItsFirstMessageAreAll) {
  TwoServers servers(url(), {}, {.held = {1, 12}, .last = 13});
  servers.Script(0, 0);
  const ReadResult all = ReadLast(3);
  EXPECT_FALSE(all.gap.has_value());
  EXPECT_EQ(test::BodiesOf(all.records), (Bodies{"1", "12"}));
}

TEST_F(LogReaderTest, AReplicaThatIsBehindIsNotAskedWhatStandsAtAnOffset) {
  TwoServers servers(url(), {.held = {3, 5}, .last = 6}, {.held = {3, 5, 8, 9, 12}, .last = 13});
  servers.Script(0, kReplicaPatterns - 1);
  const MessageQuery::Result stored = Get(12, now() + LogReader::kReadPatience);
  ASSERT_TRUE(stored.content.has_value());
  EXPECT_TRUE(IsContentOf("g", *stored.content));
}

TEST_F(LogReaderTest, WithoutALeaderWhatStandsAtAnOffsetIsAskedUntilTheTimeGiven) {
  const SteadyTime until = now() + std::chrono::seconds(2);
  EXPECT_FALSE(Get(12, until).available);
  EXPECT_GE(now(), until);
  EXPECT_LE(now(), until + NatsConnection::kTick);
  EXPECT_FALSE(Get(12, until - std::chrono::seconds(1)).available) << "too late for a question";
}

TEST_F(LogReaderTest, WhatSomebodyTookOutOfTheStreamIsAGap) {
  TwoServers servers(url(), {}, {.held = {3, 5, 8}, .last = 13});
  const ReadResult result = ReadSince(5, 12);
  ASSERT_TRUE(result.gap.has_value());
  EXPECT_EQ(result.gap->after, 5u);
  EXPECT_EQ(result.gap->before, 13u);
  EXPECT_TRUE(result.records.empty());
}

}  // namespace
}  // namespace channel
