// Behaviour of the JetStream engine alone, while NATS works; what every engine promises is in
// tests/contract, what happens when NATS fails in jetstream_faults_test.cc.
#include "channel_service/engine/jetstream/jetstream_engine.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "channel_service/engine/jetstream/subject.h"
#include "tests/contract/jetstream_node.h"
#include "tests/support/fake_clock.h"
#include "tests/support/nats_client.h"
#include "tests/support/nats_server.h"

namespace channel {
namespace {

using Bodies = std::vector<std::string>;

class JetStreamEngineTest : public ::testing::Test {
 protected:
  JetStreamOptions Options(std::string node) {
    auto options = test::TestOptions({nats_.url()}, "LOG");
    options.node = std::move(node);
    return options;
  }

  SystemClock clock_;
  support::NatsServer nats_;
  test::JetStreamNode a_{Options("a"), clock_};
};

TEST_F(JetStreamEngineTest, OnlyGroupsThatAreAttachedAreBrought) {
  test::JetStreamNode b(Options("b"), clock_);
  EXPECT_EQ(b->engine().epoch(), a_->engine().epoch());
  b->Attach("g");
  Bodies sent;
  for (int i = 0; i < 20; ++i) {
    sent.push_back(std::to_string(i));
    a_->Publish("g", sent.back());
    a_->Publish("other", "x");
    b->Publish("another", "x");
  }
  EXPECT_EQ(b->AwaitBodies("g", sent.size()), sent);
  EXPECT_EQ(b.Metric("channel_engine_received_total"), 20);
  EXPECT_EQ(b.Metric("channel_engine_foreign_total"), 0);
  EXPECT_EQ(a_.Metric("channel_engine_received_total"), 0);
  EXPECT_EQ(b->engine().group_count(), 1u);
  b->Detach("g");
  EXPECT_EQ(b->engine().group_count(), 0u);
  EXPECT_EQ(b.Metric("channel_engine_resubscriptions_total"), 0) << "nothing was missing";
}

TEST_F(JetStreamEngineTest, AKeyOfOneNodeIsKnownToTheOther) {
  test::JetStreamNode b(Options("b"), clock_);
  const PublishInput input{.group_id = "g", .body = "x", .key = "key", .publisher = {}};
  const PublishOutcome first = a_->Publish(input);
  const PublishOutcome again = b->Publish(input);
  EXPECT_EQ(again.code, PublishCode::kDuplicate);
  EXPECT_EQ(again.offset, first.offset);
}

TEST_F(JetStreamEngineTest, WhatWasNeverThereIsNoGap) {
  const uint64_t start = a_->Attach("g");
  for (int i = 0; i < 30; ++i) a_->Publish("other", "x");
  EXPECT_FALSE(a_->ReadSince("g", start).gap.has_value()) << "a group that is quiet";
  EXPECT_FALSE(a_->ReadSince("quiet", start).gap.has_value());
  for (int i = 0; i < 9; ++i) a_->Publish("g", std::to_string(i));
  const ReadResult nine = a_->ReadSince("g", start);
  EXPECT_FALSE(nine.gap.has_value()) << "one less than a group may have";
  EXPECT_EQ(nine.records.size(), 9u);
  EXPECT_EQ(nine.records[0]->previous_offset, start);
}

TEST_F(JetStreamEngineTest, WhatTheStreamDroppedAsAWholeIsAGap) {
  const uint64_t first = a_->Publish("g", "1");
  const uint64_t second = a_->Publish("g", "2");
  support::NatsClient client(nats_.url());
  client.PurgeStream("LOG");
  const ReadResult empty = a_->ReadSince("g", first);
  ASSERT_TRUE(empty.gap.has_value());
  EXPECT_EQ(empty.gap->after, first);
  EXPECT_GT(empty.gap->before, second);
  const uint64_t third = a_->Publish("g", "3");
  const ReadResult missed = a_->ReadSince("g", first);
  ASSERT_TRUE(missed.gap.has_value());
  EXPECT_EQ(missed.gap->before, third);
  EXPECT_EQ(test::BodiesOf(missed.records), Bodies{"3"});
}

TEST_F(JetStreamEngineTest, AnAttachedGroupWhosePublicationsAreGoneKeepsItsHead) {
  a_->Attach("g");
  const uint64_t newest = a_->Publish("g", "1");
  a_->AwaitBodies("g", 1);
  support::NatsClient(nats_.url()).PurgeStream("LOG");
  EXPECT_EQ(a_->Read({.group_id = "g", .last = 5}).head, newest);
  EXPECT_EQ(a_->Read({.group_id = "g"}).head, newest);
  EXPECT_FALSE(a_->ReadSince("g", newest).gap.has_value()) << "nothing was missed";
}

TEST_F(JetStreamEngineTest, WhatAStrangerWritesIntoAGroupIsSkippedAndTheGroupGoesOn) {
  support::NatsClient stranger(nats_.url());
  a_->Attach("g");
  const uint64_t first = a_->Publish("g", "1");
  const std::string subject = LogSubject("LOG", "g");
  stranger.Publish(subject, "garbage");
  stranger.Publish(subject, "");
  // A publication, but of another group, or with a place of its own.
  stranger.Publish(subject,
                   SerializeContent({.group_id = "h", .body = "x", .key = {}, .publisher = {}}, 1));
  v1::Publication placed;
  placed.set_group_id("g");
  placed.set_message("x");
  placed.set_offset(5);
  const uint64_t last = stranger.Publish(subject, placed.SerializeAsString());
  const uint64_t second = a_->Publish("g", "2");
  EXPECT_GT(second, last);
  EXPECT_EQ(a_->AwaitBodies("g", 2), (Bodies{"1", "2"}));
  EXPECT_LE(a_->live("g")[1]->previous_offset, first) << "or receivers think that one is missing";
  const ReadResult read = a_->ReadSince("g", first);
  EXPECT_EQ(test::BodiesOf(read.records), Bodies{"2"});
  EXPECT_LE(read.records[0]->previous_offset, first);
  EXPECT_FALSE(read.gap.has_value());
}

TEST_F(JetStreamEngineTest, ASequenceThatAStrangerClaimsIsNotBelieved) {
  support::NatsClient stranger(nats_.url());
  a_->Attach("g");
  const std::string content =
      SerializeContent({.group_id = "g", .body = "0", .key = {}, .publisher = {}}, 1);
  const uint64_t sequence =
      stranger.Publish(LogSubject("LOG", "g"), content,
                       {{"Nats-Sequence", "1000000"}, {"Nats-Last-Sequence", "900000"}});
  a_->Publish("g", "1");
  EXPECT_EQ(a_->AwaitBodies("g", 2, std::chrono::milliseconds(3000)), (Bodies{"0", "1"}));
  EXPECT_EQ(a_->live("g").front()->offset, sequence);
  const ReadResult read = a_->Read({.group_id = "g"});
  EXPECT_EQ(test::BodiesOf(read.records), (Bodies{"0", "1"}));
  EXPECT_EQ(read.records.front()->offset, sequence);
}

TEST_F(JetStreamEngineTest, ItIsReadyWhenAPublicationWasStoredBroughtAndRead) {
  EXPECT_FALSE(a_.ready());
  a_.AwaitReady(true);
  EXPECT_EQ(a_.Metric("channel_engine_ready"), 1);
}

TEST_F(JetStreamEngineTest, AGroupIsComparedWithTheStreamOnceAMinute) {
  test::FakeClock clock;
  test::JetStreamNode b(Options("b"), clock);
  support::NatsClient watcher(nats_.url());
  // How the engine asks for the head of a group of which nothing is held.
  watcher.Watch("$JS.API.STREAM.INFO.LOG");
  const auto run = [&] {
    for (int i = 0; i < 10; ++i) {
      clock.Step(std::chrono::milliseconds(100));
      b->RunUntil([] { return false; }, std::chrono::milliseconds(60));  // a tick of the link
    }
  };
  for (const char* group_id : {"g", "h", "i"}) b->Attach(group_id);
  run();
  run();
  const int asked = watcher.Watched();
  run();
  EXPECT_EQ(watcher.Watched(), asked);
  clock.Step(std::chrono::seconds(60));
  // A probe that is on its way during this minute seems lost, which is another reason to ask.
  for (int i = 0; i < 20 && watcher.Watched() < asked + 3; ++i) run();
  EXPECT_GE(watcher.Watched(), asked + 3);
  EXPECT_EQ(b.Metric("channel_engine_resubscriptions_total"), 0);
}

// The wall clock may be set at any time; how old a publication is does not change with it.
TEST_F(JetStreamEngineTest, AStepOfTheWallClockDropsAndKeepsNothing) {
  test::FakeClock clock;
  test::JetStreamNode b(Options("b"), clock);
  support::NatsClient watcher(nats_.url());
  watcher.Watch("$JS.API.STREAM.INFO.LOG");  // asked for "empty" in each sweep
  const auto run = [&] {
    clock.Step(std::chrono::milliseconds(100));
    b->RunUntil([] { return false; }, std::chrono::milliseconds(60));  // a tick of the link
  };
  b->Attach("empty");
  b->Attach("g");
  b->Publish("g", "x");
  b->AwaitBodies("g", 1);
  for (int i = 0; i < 20; ++i) run();
  clock.StepWall(std::chrono::hours(1));
  clock.Step(std::chrono::seconds(60));
  const int asked = watcher.Watched();
  for (int i = 0; i < 200 && watcher.Watched() == asked; ++i) run();
  ASSERT_GT(watcher.Watched(), asked);
  run();
  EXPECT_GT(b->engine().history_bytes(), 0u) << "dropped, though it is a minute old";
  clock.StepWall(std::chrono::hours(-2));
  clock.Step(test::TestLimits().history_age_max);
  for (int i = 0; i < 200 && b->engine().history_bytes() > 0; ++i) run();
  EXPECT_EQ(b->engine().history_bytes(), 0u) << "kept, though it is older than history_age_max";
}

TEST_F(JetStreamEngineTest, AnotherStreamOfTheSameNameIsToldOnce) {
  int told = 0;
  auto options = Options("b");
  options.on_other_stream = [&told] { ++told; };
  test::JetStreamNode b(options, clock_);
  b->Attach("g");
  b->Publish("g", "1");
  b.AwaitReady(true);
  support::NatsClient client(nats_.url());
  client.RemoveStream("LOG");
  client.MakeStream({.name = "LOG"});
  b->Await("word of the other stream", [&] { return told > 0; });
  EXPECT_FALSE(b.ready());
  b->RunUntil([] { return false; }, std::chrono::milliseconds(1500));
  EXPECT_EQ(told, 1);
  EXPECT_FALSE(b.ready()) << "its positions mean nothing any more";
}

}  // namespace
}  // namespace channel
