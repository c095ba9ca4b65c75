// Behaviour of the memory engine alone; what every engine promises is in tests/contract.
#include "channel_service/engine/memory/memory_engine.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace channel {
namespace {

using std::chrono::minutes;

class NoSink final : public GroupSink {
 public:
  void OnPublication(const RecordPtr&) override {}
};

class MemoryEngineTest : public ::testing::Test, public PublishWaiter {
 public:
  void OnPublished(uint64_t, const PublishOutcome& outcome) override { outcome_ = outcome; }

 protected:
  uint64_t Publish(std::string_view group, std::string_view body = "b") {
    PublishInput input;
    input.group_id = group;
    input.body = body;
    engine_.StartPublish(input, this, 0);
    EXPECT_EQ(outcome_.code, PublishCode::kAccepted);
    return outcome_.offset;
  }

  ReadResult Read(std::string_view group, uint64_t since) {
    ReadResult got;
    ReadRequest request;
    request.group_id = group;
    request.since = StreamPosition{engine_.epoch(), since};
    engine_.StartRead(request, [&](ReadResult result) { got = std::move(result); });
    return got;
  }

  void EvictAll() {
    for (int i = 0; i < 2; ++i) {  // first the history, then the idle group
      clock_.Step(minutes(6));
      engine_.OnTick();
    }
  }

  ServiceLimits limits_;
  test::FakeClock clock_;
  MemoryEngine engine_{limits_, clock_, /*seed=*/42};
  PublishOutcome outcome_;
};

TEST_F(MemoryEngineTest, AnIdleGroupIsEvictedAndItsMemoryFreed) {
  Publish("g");
  EXPECT_EQ(engine_.group_count(), 1u);
  EXPECT_GT(engine_.history_bytes(), 0u);
  EvictAll();
  EXPECT_EQ(engine_.group_count(), 0u);
  EXPECT_EQ(engine_.history_bytes(), 0u);
}

TEST_F(MemoryEngineTest, AnAttachedGroupIsNotEvicted) {
  NoSink sink;
  engine_.Attach("g", &sink);
  Publish("g");
  EvictAll();
  EXPECT_EQ(engine_.group_count(), 1u);
  engine_.Detach("g");
  EXPECT_EQ(engine_.group_count(), 1u) << "who is back soon has missed nothing";
  EvictAll();
  EXPECT_EQ(engine_.group_count(), 0u);
}

TEST_F(MemoryEngineTest, AShortAbsenceFromAnIdleGroupIsNoGap) {
  NoSink sink;
  engine_.Attach("quiet", &sink);
  const uint64_t last = Publish("quiet");
  EvictAll();
  Publish("other");
  EvictAll();  // the floor is above the quiet group's last offset now
  engine_.Detach("quiet");
  clock_.Step(minutes(4));
  engine_.OnTick();
  EXPECT_FALSE(Read("quiet", last).gap.has_value());
  EvictAll();
  EXPECT_TRUE(Read("quiet", last).gap.has_value()) << "forgotten: nobody can know";
}

TEST_F(MemoryEngineTest, AnIdleGroupThatIsUsedAgainIsKept) {
  NoSink sink;
  Publish("g");
  clock_.Step(minutes(6));
  engine_.OnTick();  // idle from here on
  engine_.Attach("g", &sink);
  EvictAll();
  EXPECT_EQ(engine_.group_count(), 1u);
  engine_.Detach("g");
  Publish("g");
  clock_.Step(minutes(4));
  engine_.OnTick();
  EXPECT_EQ(Read("g", 0).records.size(), 1u);
}

TEST_F(MemoryEngineTest, BelowTheFloorOfEvictedGroupsAResumeIsAGap) {
  const uint64_t first = Publish("g");
  const uint64_t second = Publish("g");
  EvictAll();
  const uint64_t later = Publish("other");
  EXPECT_FALSE(Read("g", second).gap.has_value()) << "at its last publication nothing is missed";
  EXPECT_FALSE(Read("g", later).gap.has_value()) << "a position of another group that is newer";
  const ReadResult missed = Read("g", first);
  ASSERT_TRUE(missed.gap.has_value());
  EXPECT_EQ(missed.gap->reason, GapReason::kRetention);
  EXPECT_EQ(missed.gap->after, first);
  EXPECT_GT(missed.gap->before, second);
}

TEST_F(MemoryEngineTest, AGroupThatComesBackAnnouncesWhatWasEvicted) {
  const uint64_t first = Publish("g");
  Publish("g");
  EvictAll();
  const uint64_t third = Publish("g");
  const ReadResult missed = Read("g", first);
  ASSERT_TRUE(missed.gap.has_value());
  EXPECT_EQ(missed.gap->before, third);
  ASSERT_EQ(missed.records.size(), 1u);
  EXPECT_EQ(missed.records[0]->offset, third);
}

TEST_F(MemoryEngineTest, OfGroupsThatHoldAlikeThoseThatPublishedLeastRecentlyGive) {
  limits_.history_total_bytes_max = 6000;
  for (int i = 0; i < 10; ++i) Publish("g" + std::to_string(i), std::string(500, 'x'));
  EXPECT_LE(engine_.history_bytes(), 6000u);
  EXPECT_TRUE(Read("g9", 9).gap == std::nullopt && Read("g9", 9).records.size() == 1);
  EXPECT_TRUE(Read("g0", 0).gap.has_value());
}

TEST_F(MemoryEngineTest, AFloodInSomeGroupsTakesNothingFromSmallQuietOnes) {
  limits_.history_total_bytes_max = 4 << 20;
  std::vector<std::string> quiet;
  for (int i = 0; i < 100; ++i) {
    quiet.push_back("quiet" + std::to_string(i));
    for (int k = 0; k < 10; ++k) Publish(quiet.back(), "a short message");
  }
  for (int i = 0; i < 1000; ++i) {
    Publish("flooded" + std::to_string(i % 20), std::string(60'000, 'x'));
    ASSERT_LE(engine_.history_bytes(), limits_.history_total_bytes_max);
  }
  for (const std::string& group : quiet) {
    EXPECT_EQ(Read(group, 0).records.size(), 10u) << group;
    EXPECT_FALSE(Read(group, 0).gap.has_value()) << group;
  }
  size_t held = 0;
  for (int i = 0; i < 20; ++i) {
    const size_t count = Read("flooded" + std::to_string(i), 0).records.size();
    EXPECT_GE(count, 1u) << "they share what is left";
    held += count;
  }
  EXPECT_GE(held, 60u) << "most of the bound is used";
}

TEST_F(MemoryEngineTest, GroupsWithoutHistoryCountToo) {
  NoSink sink;
  limits_.history_total_bytes_max = 2 << 20;
  for (int i = 0; i < 3000; ++i) engine_.Attach("attached" + std::to_string(i), &sink);
  const size_t empty = engine_.history_bytes();
  EXPECT_GT(empty, 3000u * 300);
  for (int i = 0; i < 4000; ++i) Publish("g" + std::to_string(i));
  EXPECT_LE(engine_.history_bytes(), limits_.history_total_bytes_max);
  EXPECT_EQ(Read("g3999", 3999).records.size(), 1u);
  EXPECT_TRUE(Read("g0", 0).gap.has_value());
  for (int i = 0; i < 3000; ++i) engine_.Detach("attached" + std::to_string(i));
  EvictAll();
  EXPECT_EQ(engine_.history_bytes(), 0u);
}

TEST_F(MemoryEngineTest, ALastThatFindsNothingOfWhatThereWasIsAGap) {
  const uint64_t last = Publish("g");
  const auto read_last = [&](std::string_view group) {
    ReadResult got;
    engine_.StartRead({.group_id = group, .last = 50},
                      [&](ReadResult result) { got = std::move(result); });
    return got;
  };
  EXPECT_FALSE(read_last("g").gap.has_value());
  clock_.Step(minutes(6));
  engine_.OnTick();
  for (const char* state : {"aged out", "evicted"}) {
    const ReadResult result = read_last("g");
    ASSERT_TRUE(result.gap.has_value()) << state;
    EXPECT_EQ(result.gap->after, 0u) << state;
    EXPECT_EQ(result.gap->before, last + 1) << state;
    EXPECT_TRUE(result.records.empty()) << state;
    EXPECT_FALSE(read_last("new").gap.has_value()) << state;
    EvictAll();
  }
  const uint64_t again = Publish("g");
  EXPECT_EQ(read_last("g").gap->before, last + 1);
  EXPECT_EQ(read_last("g").records.at(0)->offset, again);
}

TEST_F(MemoryEngineTest, AGroupThatNeverPublishedMissedNothingWhateverWasEvicted) {
  Publish("g");
  EvictAll();
  const uint64_t later = Publish("other");
  EXPECT_TRUE(Read("g", 0).gap.has_value());
  EXPECT_FALSE(Read("new", 0).gap.has_value());
  const uint64_t first = Publish("new");
  EXPECT_GT(first, later);
  EXPECT_FALSE(Read("new", 0).gap.has_value());
  EXPECT_EQ(Read("new", 0).records.size(), 1u);
}

TEST_F(MemoryEngineTest, InANewEpochALateSubscriberFindsAllThatTheBytesAllow) {
  for (int i = 0; i < 3000; ++i) Publish("g");
  EXPECT_EQ(Read("g", 0).records.size(), 3000u);
  clock_.Step(limits_.new_epoch_grace);
  engine_.OnTick();
  Publish("g");
  EXPECT_EQ(Read("g", 3000).records.size(), 1u);
  EXPECT_TRUE(Read("g", 0).gap.has_value()) << "from now on the bound holds";
  EXPECT_EQ(Read("g", 0).records.size(), limits_.history_publications_max);
}

// The wall clock may be set at any time; how old a publication is does not change with it.
TEST_F(MemoryEngineTest, AStepOfTheWallClockDropsAndKeepsNothing) {
  for (const auto step : {-std::chrono::hours(1), std::chrono::hours(1)}) {
    const uint64_t before = Publish("g", "before");
    clock_.StepWall(step);
    engine_.OnTick();
    Publish("g", "after");
    engine_.OnTick();
    EXPECT_EQ(Read("g", before - 1).records.size(), 2u)
        << "after a step of " << step.count() << " h";
    clock_.Step(limits_.history_age_max + std::chrono::milliseconds(1));
    engine_.OnTick();
    EXPECT_EQ(Read("g", 0).records.size(), 0u) << "after a step of " << step.count() << " h";
  }
}

TEST_F(MemoryEngineTest, AStepOfTheWallClockForgetsNoKey) {
  const PublishInput keyed{.group_id = "g", .body = "b", .key = "key", .publisher = {}};
  const auto publish = [&] {
    engine_.StartPublish(keyed, this, 0);
    return outcome_.code;
  };
  for (const auto step : {-std::chrono::hours(1), std::chrono::hours(1)}) {
    EXPECT_EQ(publish(), PublishCode::kAccepted);
    clock_.StepWall(step);
    engine_.OnTick();
    EXPECT_EQ(publish(), PublishCode::kDuplicate) << "after a step of " << step.count() << " h";
    clock_.Step(limits_.dedup_window);
    engine_.OnTick();
  }
}

}  // namespace
}  // namespace channel
