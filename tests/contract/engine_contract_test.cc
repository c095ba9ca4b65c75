// Every engine's promises (channel_service/engine/engine.h) about publishing and what is live.
#include "tests/contract/engine_contract.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "channel/v1/channel.pb.h"

namespace channel::test {
namespace {

TEST_P(EngineContract, OffsetsArePositiveAndStrictlyIncreaseOverAllGroups) {
  uint64_t newest = 0;
  for (int i = 0; i < 20; ++i) {
    const uint64_t offset = driver_.Publish(i % 3 == 0 ? "a" : "b", "x");
    EXPECT_GT(offset, newest);
    newest = offset;
  }
}

TEST_P(EngineContract, LivePublicationsOfAnAttachedGroupAreAChain) {
  const uint64_t head = driver_.Attach("g");
  driver_.Publish("g", "1");
  driver_.Publish("other", "no");
  driver_.Publish("g", "2");
  EXPECT_EQ(driver_.AwaitBodies("g", 2), (Bodies{"1", "2"}));
  driver_.Detach("g");
  driver_.Publish("g", "3");
  const auto& live = driver_.live("g");
  ASSERT_EQ(live.size(), 2u);
  EXPECT_LE(live[0]->previous_offset, head);
  EXPECT_GT(live[0]->offset, head);
  EXPECT_EQ(live[1]->previous_offset, live[0]->offset);
}

TEST_P(EngineContract, AGroupThatIsAttachedAgainGetsWhatIsPublishedFromThenOn) {
  driver_.Attach("g");
  driver_.Publish("g", "1");
  driver_.AwaitBodies("g", 1);
  driver_.Detach("g");
  const uint64_t missed = driver_.Publish("g", "2");
  EXPECT_EQ(driver_.Attach("g"), missed);
  driver_.Publish("g", "3");
  EXPECT_EQ(driver_.AwaitBodies("g", 2), (Bodies{"1", "3"}));
  EXPECT_EQ(driver_.live("g").back()->previous_offset, missed);
}

TEST_P(EngineContract, PublicationsOfOneGroupAreOrderedAsCalled) {
  driver_.Attach("g");
  std::vector<uint64_t> tickets;
  Bodies bodies;
  for (int i = 0; i < 100; ++i) {
    bodies.push_back(std::to_string(i));
    tickets.push_back(driver_.StartPublish("g", bodies.back()));
    driver_.StartPublish("other", "x");
  }
  uint64_t newest = 0;
  for (const uint64_t ticket : tickets) {
    const PublishOutcome outcome = driver_.AwaitOutcome(ticket);
    EXPECT_EQ(outcome.code, PublishCode::kAccepted);
    EXPECT_GT(outcome.offset, newest);
    newest = outcome.offset;
  }
  EXPECT_EQ(driver_.AwaitBodies("g", bodies.size()), bodies);
  const auto& live = driver_.live("g");
  for (size_t i = 1; i < live.size(); ++i) {
    EXPECT_EQ(live[i]->previous_offset, live[i - 1]->offset);
  }
}

TEST_P(EngineContract, AnyTextIsAGroupId) {
  using namespace std::string_literals;
  const std::vector<std::string> group_ids = {"a.b",
                                              "a",
                                              "*",
                                              ">",
                                              "a b",
                                              " ",
                                              "=",
                                              "=2E",
                                              "a\r\nb: c",
                                              "\0"s,
                                              "a\0b"s,
                                              "Grüße ✓",
                                              "ı",
                                              "$JS.API.>",
                                              "\x01\x7f",
                                              std::string(255, '.'),
                                              std::string(255, 'x')};
  for (const std::string& id : group_ids) driver_.Attach(id);
  for (const std::string& id : group_ids) driver_.Publish(id, "to " + id);
  for (const std::string& id : group_ids) {
    EXPECT_EQ(driver_.AwaitBodies(id, 1), Bodies{"to " + id});
    EXPECT_EQ(ParseRecord(*driver_.live(id)[0]).group_id(), id);
    EXPECT_EQ(BodiesOf(driver_.Read({.group_id = id}).records), Bodies{"to " + id});
  }
}

TEST_P(EngineContract, BodiesOfEachKindComeAsTheyWere) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  const std::vector<std::pair<BodyKind, std::string>> bodies = {
      {BodyKind::kText, ""},           {BodyKind::kData, ""},
      {BodyKind::kText, "Bu bir ✓\n"}, {BodyKind::kData, bytes},
      {BodyKind::kJson, R"({"a":1})"}, {BodyKind::kText, std::string(60'000, 'x')}};
  driver_.Attach("g");
  for (const auto& [kind, body] : bodies) {
    driver_.Publish({.group_id = "g", .kind = kind, .body = body, .key = {}, .publisher = {}});
  }
  driver_.AwaitBodies("g", bodies.size());
  const ReadResult result = driver_.Read({.group_id = "g"});
  ASSERT_EQ(result.records.size(), bodies.size());
  for (size_t i = 0; i < bodies.size(); ++i) {
    for (const RecordPtr& record : {driver_.live("g")[i], result.records[i]}) {
      const v1::Publication publication = ParseRecord(*record);
      const bool is_data = bodies[i].first == BodyKind::kData;
      EXPECT_EQ(publication.has_data(), is_data);
      EXPECT_EQ(publication.has_message(), !is_data);
      EXPECT_EQ(publication.json(), bodies[i].first == BodyKind::kJson);
      EXPECT_EQ(is_data ? publication.data() : publication.message(), bodies[i].second);
      EXPECT_GT(publication.time_unix_ms(), 1'600'000'000'000);
    }
  }
}

TEST_P(EngineContract, StopLeavesNothingUnansweredAndGivesNothingMoreToSinks) {
  driver_.Attach("g");
  std::vector<uint64_t> tickets;
  int reads_answered = 0;
  for (int i = 0; i < 20; ++i) {
    tickets.push_back(driver_.StartPublish(i % 2 == 0 ? "g" : "h", std::to_string(i)));
    driver_.engine().StartRead({.group_id = i % 2 == 0 ? "g" : "h"},
                               [&](const ReadResult&) { ++reads_answered; });
  }
  driver_.Stop();
  EXPECT_EQ(reads_answered, 20);
  for (const uint64_t ticket : tickets) EXPECT_TRUE(driver_.Outcome(ticket).has_value());
  EXPECT_TRUE(driver_.Outcome(driver_.StartPublish("g", "late")).has_value());
  const size_t given = driver_.live("g").size();
  for (const char* group_id : {"g", "h"}) {
    reads_answered = 0;
    driver_.engine().StartRead({.group_id = group_id},
                               [&](const ReadResult&) { ++reads_answered; });
    EXPECT_EQ(reads_answered, 1) << group_id;
  }
  // Tasks that were posted before it was stopped.
  driver_.RunUntil([] { return false; }, std::chrono::milliseconds(100));
  EXPECT_LE(driver_.live("g").size(), given);
}

TEST_P(EngineContract, TheEpochIsShortAndNotEmpty) {
  EXPECT_FALSE(driver_.engine().epoch().empty());
  EXPECT_LE(driver_.engine().epoch().size(), 32u);
}

}  // namespace
}  // namespace channel::test
