// What every engine promises (channel_service/engine/engine.h). An engine joins by adding a
// factory.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "channel_service/engine/memory_engine.h"
#include "tests/support/fake_clock.h"

namespace channel {
namespace {

// An engine with what it needs.
struct EngineUnderTest {
  ServiceLimits limits;
  test::FakeClock clock;
  std::unique_ptr<Engine> engine;
};

std::unique_ptr<EngineUnderTest> MakeMemory() {
  auto under_test = std::make_unique<EngineUnderTest>();
  under_test->limits.history_publications_max = 10;
  under_test->limits.new_epoch_grace = std::chrono::milliseconds(0);
  under_test->engine =
      std::make_unique<MemoryEngine>(under_test->limits, under_test->clock, /*seed=*/1);
  return under_test;
}

struct EngineFactory {
  const char* name;
  std::unique_ptr<EngineUnderTest> (*make)();
};

class EngineContract : public ::testing::TestWithParam<EngineFactory>,
                       public PublishWaiter,
                       public GroupSink {
 public:
  void OnPublished(uint64_t ticket, const PublishOutcome& outcome) override {
    outcomes_.emplace_back(ticket, outcome);
  }
  void OnPublication(const RecordPtr& record) override { live_.push_back(record); }

 protected:
  Engine& engine() { return *under_test_->engine; }

  PublishOutcome Publish(std::string_view group, std::string_view body, std::string_view key = {},
                         std::string_view publisher = {}, uint64_t sequence = 0) {
    PublishInput input;
    input.group_id = group;
    input.body = body;
    input.key = key;
    input.publisher = publisher;
    input.sequence = sequence;
    outcomes_.clear();
    engine().StartPublish(input, this, 99);
    EXPECT_EQ(outcomes_.size(), 1u);
    EXPECT_EQ(outcomes_.at(0).first, 99u);
    return outcomes_.at(0).second;
  }

  ReadResult Read(std::string_view group, std::optional<StreamPosition> since, uint32_t last = 0) {
    ReadRequest request;
    request.group_id = group;
    request.since = std::move(since);
    request.last = last;
    ReadResult got;
    bool called = false;
    engine().StartRead(request, [&](ReadResult result) {
      got = std::move(result);
      called = true;
    });
    EXPECT_TRUE(called);
    return got;
  }

  StreamPosition At(uint64_t offset) { return {engine().epoch(), offset}; }

  std::unique_ptr<EngineUnderTest> under_test_ = GetParam().make();
  std::vector<std::pair<uint64_t, PublishOutcome>> outcomes_;
  std::vector<RecordPtr> live_;
};

TEST_P(EngineContract, OffsetsArePositiveAndStrictlyIncreaseOverAllGroups) {
  uint64_t newest = 0;
  for (int i = 0; i < 20; ++i) {
    const auto outcome = Publish(i % 3 == 0 ? "a" : "b", "x");
    EXPECT_EQ(outcome.code, PublishCode::kAccepted);
    EXPECT_GT(outcome.offset, newest);
    newest = outcome.offset;
  }
}

TEST_P(EngineContract, LivePublicationsOfAnAttachedGroupAreAChain) {
  engine().Attach("g", this);
  Publish("g", "1");
  Publish("other", "no");
  Publish("g", "2");
  engine().Detach("g");
  Publish("g", "3");
  ASSERT_EQ(live_.size(), 2u);
  EXPECT_EQ(live_[1]->previous_offset, live_[0]->offset);
  EXPECT_EQ(ParseRecord(*live_[0]).message(), "1");
  EXPECT_EQ(ParseRecord(*live_[1]).message(), "2");
}

TEST_P(EngineContract, AReadGivesWhatFollowsAPosition) {
  const uint64_t first = Publish("g", "1").offset;
  const uint64_t second = Publish("g", "2").offset;
  const ReadResult result = Read("g", At(first));
  EXPECT_FALSE(result.gap.has_value());
  EXPECT_EQ(result.head, second);
  ASSERT_EQ(result.records.size(), 1u);
  EXPECT_EQ(result.records[0]->offset, second);
  EXPECT_EQ(result.records[0]->previous_offset, first);
  EXPECT_TRUE(Read("g", At(second)).records.empty());
}

TEST_P(EngineContract, APositionOfAnotherGroupThatIsNewerMissedNothing) {
  Publish("g", "1");
  const uint64_t newer = Publish("other", "x").offset;
  const ReadResult result = Read("g", At(newer));
  EXPECT_FALSE(result.gap.has_value());
  EXPECT_TRUE(result.records.empty());
}

TEST_P(EngineContract, WhatIsNoLongerHeldIsAGapThatNamesExactlyTheMissingRange) {
  const uint64_t first = Publish("g", "0").offset;
  std::vector<uint64_t> offsets;
  for (int i = 0; i < 30; ++i) offsets.push_back(Publish("g", "x").offset);
  const ReadResult result = Read("g", At(first));
  ASSERT_TRUE(result.gap.has_value());
  EXPECT_EQ(result.gap->reason, GapReason::kRetention);
  EXPECT_EQ(result.gap->after, first);
  ASSERT_EQ(result.records.size(), 10u);
  EXPECT_EQ(result.gap->before, result.records[0]->offset);
  EXPECT_EQ(result.records[0]->offset, offsets[20]);
}

TEST_P(EngineContract, AnotherEpochIsAGapBeforeAllThatIsHeld) {
  const uint64_t first = Publish("g", "1").offset;
  const ReadResult result = Read("g", StreamPosition{"another", 500});
  ASSERT_TRUE(result.gap.has_value());
  EXPECT_EQ(result.gap->reason, GapReason::kEpoch);
  EXPECT_EQ(result.gap->after, 500u);
  EXPECT_EQ(result.gap->before, first);
  EXPECT_EQ(result.records.size(), 1u);
}

TEST_P(EngineContract, TheHeadOfAGroupWithoutPublicationsIsTheNewestOffset) {
  EXPECT_EQ(Read("g", std::nullopt).head, 0u);
  const uint64_t newest = Publish("other", "x").offset;
  EXPECT_EQ(Read("g", std::nullopt).head, newest);
  EXPECT_FALSE(Read("g", At(newest)).gap.has_value());
}

TEST_P(EngineContract, TheLastOnesCanBeAskedFor) {
  for (int i = 0; i < 5; ++i) Publish("g", std::to_string(i));
  const ReadResult result = Read("g", std::nullopt, /*last=*/2);
  ASSERT_EQ(result.records.size(), 2u);
  EXPECT_EQ(ParseRecord(*result.records[0]).message(), "3");
  EXPECT_EQ(ParseRecord(*result.records[1]).message(), "4");
  EXPECT_EQ(Read("g", std::nullopt, /*last=*/100).records.size(), 5u);
}

TEST_P(EngineContract, AKeyPublishesOnceAndAnotherBodyIsAConflict) {
  engine().Attach("g", this);
  const auto first = Publish("g", "x", "key");
  const auto again = Publish("g", "x", "key");
  EXPECT_EQ(again.code, PublishCode::kDuplicate);
  EXPECT_EQ(again.offset, first.offset);
  EXPECT_EQ(Publish("g", "y", "key").code, PublishCode::kKeyConflict);
  EXPECT_EQ(Publish("h", "y", "key").code, PublishCode::kAccepted);
  EXPECT_EQ(live_.size(), 1u);
  engine().Detach("g");
}

TEST_P(EngineContract, ASequencePublishesOnce) {
  engine().Attach("g", this);
  const auto first = Publish("g", "x", {}, "p", 1);
  Publish("g", "y", {}, "p", 2);
  const auto again = Publish("g", "x", {}, "p", 1);
  EXPECT_EQ(again.code, PublishCode::kDuplicate);
  EXPECT_EQ(again.offset, first.offset);
  EXPECT_EQ(live_.size(), 2u);
  engine().Detach("g");
}

TEST_P(EngineContract, TheEpochIsShortAndNotEmpty) {
  EXPECT_FALSE(engine().epoch().empty());
  EXPECT_LE(engine().epoch().size(), 32u);
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineContract,
                         ::testing::Values(EngineFactory{"memory", &MakeMemory}),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace channel
