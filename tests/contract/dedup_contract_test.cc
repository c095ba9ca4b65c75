// Every engine's promises (channel_service/engine/engine.h) about publishing once.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "tests/contract/engine_contract.h"

namespace channel::test {
namespace {

TEST_P(EngineContract, AKeyPublishesOnceAndAnotherBodyIsAConflict) {
  driver_.Attach("g");
  const auto first = PublishKeyed("g", "x", "key");
  const auto again = PublishKeyed("g", "x", "key");
  EXPECT_EQ(again.code, PublishCode::kDuplicate);
  EXPECT_EQ(again.offset, first.offset);
  EXPECT_EQ(PublishKeyed("g", "y", "key").code, PublishCode::kKeyConflict);
  EXPECT_EQ(driver_
                .Publish({.group_id = "g",
                          .kind = BodyKind::kData,
                          .body = "x",
                          .key = "key",
                          .publisher = {}})
                .code,
            PublishCode::kKeyConflict)
      << "the same bytes as another kind";
  EXPECT_EQ(PublishKeyed("h", "y", "key").code, PublishCode::kAccepted);
  EXPECT_EQ(driver_.AwaitBodies("g", 1), Bodies{"x"});
}

TEST_P(EngineContract, AKeyIsKnownWhileItsFirstPublicationIsOnItsWay) {
  const PublishInput input{.group_id = "g", .body = "x", .key = "key", .publisher = {}};
  const uint64_t first = driver_.StartPublish(input);
  const uint64_t same = driver_.StartPublish(input);
  PublishInput other = input;
  other.body = "y";
  const uint64_t conflict = driver_.StartPublish(other);
  const uint64_t unkeyed = driver_.StartPublish("g", "z");
  EXPECT_EQ(driver_.AwaitOutcome(first).code, PublishCode::kAccepted);
  EXPECT_EQ(driver_.AwaitOutcome(same).code, PublishCode::kDuplicate);
  EXPECT_EQ(driver_.AwaitOutcome(same).offset, driver_.AwaitOutcome(first).offset);
  EXPECT_EQ(driver_.AwaitOutcome(conflict).code, PublishCode::kKeyConflict);
  EXPECT_EQ(driver_.AwaitOutcome(unkeyed).code, PublishCode::kAccepted);
  EXPECT_EQ(BodiesOf(driver_.Read({.group_id = "g"}).records), (Bodies{"x", "z"}));
}

TEST_P(EngineContract, AnyTextIsAKey) {
  using namespace std::string_literals;
  const std::vector<std::string> keys = {"a",   "a.", " a", "a ",  "a\r\nNats-Msg-Id: b",
                                         "\0"s, "ı",  "=",  "=3D", std::string(128, '\n')};
  std::map<uint64_t, std::string> key_by_offset;
  for (const std::string& key : keys) {
    const PublishOutcome outcome = PublishKeyed(key, "x", key);
    EXPECT_EQ(outcome.code, PublishCode::kAccepted);
    key_by_offset[outcome.offset] = key;
  }
  EXPECT_EQ(key_by_offset.size(), keys.size());
  for (const auto& [offset, key] : key_by_offset) {
    const PublishOutcome again = PublishKeyed(key, "x", key);
    EXPECT_EQ(again.code, PublishCode::kDuplicate);
    EXPECT_EQ(again.offset, offset);
    const ReadResult result = driver_.Read({.group_id = key});
    ASSERT_EQ(result.records.size(), 1u);
    EXPECT_EQ(ParseRecord(*result.records[0]).key(), key);
  }
}

TEST_P(EngineContract, GroupAndKeyAreNotMixedUp) {
  EXPECT_EQ(PublishKeyed("a", "x", "b.c").code, PublishCode::kAccepted);
  EXPECT_EQ(PublishKeyed("a.b", "x", "c").code, PublishCode::kAccepted);
}

TEST_P(EngineContract, ASequencePublishesOnce) {
  driver_.Attach("g");
  const auto first = PublishSequence("g", "x", 1);
  PublishSequence("g", "y", 2);
  const auto again = PublishSequence("g", "x", 1);
  EXPECT_EQ(again.code, PublishCode::kDuplicate);
  EXPECT_EQ(again.offset, first.offset);
  EXPECT_EQ(driver_.AwaitBodies("g", 2), (Bodies{"x", "y"}));
}

}  // namespace
}  // namespace channel::test
