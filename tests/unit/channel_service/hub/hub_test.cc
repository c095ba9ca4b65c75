#include "channel_service/hub/hub.h"

#include <gtest/gtest.h>

#include "channel/v1/channel.pb.h"
#include "channel_service/engine/memory/memory_engine.h"
#include "tests/support/fake_clock.h"

namespace channel {
namespace {

// A stream without a network: its client takes what is queued when the test says so.
class FakeStream final : public Flushable {
 public:
  FakeStream(FlushList& list, size_t queue_bytes_max)
      : total(queue_bytes_max), subscriber(list, this, queue_bytes_max, total) {}

  // Everything that was queued, as events.
  std::vector<v1::Event> Take(FlushList& list) {
    list.FlushAll();
    std::string bytes;
    for (std::string block = subscriber.TakeBlock(); !block.empty();
         block = subscriber.TakeBlock()) {
      bytes += block;
      ++blocks;
    }
    v1::SubscribeResponse response;
    EXPECT_TRUE(response.ParseFromString(bytes));
    return {response.events().begin(), response.events().end()};
  }

  QueueTotal total;
  Subscriber subscriber;
  int blocks = 0;
  int flushes = 0;

 private:
  void Flush() override { ++flushes; }
};

// Answers reads only when the test says so, as an engine on a network would.
class SlowEngine final : public Engine {
 public:
  explicit SlowEngine(Engine& engine) : engine_(engine) {}
  const std::string& epoch() const override { return engine_.epoch(); }
  void StartPublish(const PublishInput& input, PublishWaiter* waiter, uint64_t ticket) override {
    engine_.StartPublish(input, waiter, ticket);
  }
  void Attach(std::string_view group, GroupSink* sink) override { engine_.Attach(group, sink); }
  void Detach(std::string_view group) override { engine_.Detach(group); }
  void StartRead(const ReadRequest& request, ReadDone done) override {
    ReadResult result;
    engine_.StartRead(request, [&](ReadResult read) { result = std::move(read); });
    reads.emplace_back(std::move(done), std::move(result));
  }
  void OnTick() override {}
  std::chrono::milliseconds dedup_window() const override { return {}; }
  size_t group_count() const override { return engine_.group_count(); }
  size_t history_bytes() const override { return 0; }

  void AnswerReads() {
    auto answered = std::move(reads);
    reads.clear();
    for (auto& [done, result] : answered) done(std::move(result));
  }
  std::vector<std::pair<ReadDone, ReadResult>> reads;

 private:
  Engine& engine_;
};

class HubTest : public ::testing::Test, public PublishWaiter {
 public:
  void OnPublished(uint64_t, const PublishOutcome& outcome) override { offset_ = outcome.offset; }

 protected:
  HubTest() {
    for (FakeStream* stream : {&one_, &two_}) hub_.Add(&stream->subscriber, PeerAddress::kNobody);
  }
  ~HubTest() override {
    for (FakeStream* stream : {&one_, &two_}) {
      if (!removed_.contains(stream)) hub_.Remove(&stream->subscriber);
    }
  }

  uint64_t Publish(std::string_view group, std::string_view body) {
    PublishInput input;
    input.group_id = group;
    input.body = body;
    engine_.StartPublish(input, this, 0);
    return offset_;
  }

  void Subscribe(FakeStream& stream, std::string_view group,
                 std::optional<StreamPosition> since = std::nullopt, uint64_t tag = 0) {
    SubscribeInput input;
    input.group_id = group;
    input.since = std::move(since);
    input.tag = tag;
    ASSERT_TRUE(hub_.Subscribe(&stream.subscriber, input).ok());
  }

  static std::vector<std::string> Messages(const std::vector<v1::Event>& events) {
    std::vector<std::string> messages;
    for (const auto& event : events) {
      if (event.has_publication()) messages.push_back(event.publication().message());
      if (event.has_subscribed()) messages.push_back("subscribed");
      if (event.has_gap()) messages.push_back("gap");
    }
    return messages;
  }

  using Strings = std::vector<std::string>;

  ServiceLimits limits_;
  test::FakeClock clock_;
  MemoryEngine memory_{limits_, clock_, 1};
  SlowEngine engine_{memory_};
  prometheus::Registry registry_;
  HubMetrics metrics_{registry_};
  FlushList list_;
  Hub hub_{engine_, metrics_};
  FakeStream one_{list_, 1 << 20};
  FakeStream two_{list_, 1 << 20};
  absl::flat_hash_set<FakeStream*> removed_;
  uint64_t offset_ = 0;
};

TEST_F(HubTest, OnlySubscribersOfAGroupGetItsPublications) {
  Subscribe(one_, "a");
  Subscribe(two_, "b");
  engine_.AnswerReads();
  Publish("a", "x");
  EXPECT_EQ(Messages(one_.Take(list_)), (Strings{"subscribed", "x"}));
  EXPECT_EQ(Messages(two_.Take(list_)), (Strings{"subscribed"}));
}

TEST_F(HubTest, WhatWasMissedComesBeforeWhatIsLive) {
  const uint64_t first = Publish("g", "1");
  Publish("g", "2");
  Subscribe(one_, "g", StreamPosition{engine_.epoch(), first});
  Publish("g", "3");
  EXPECT_TRUE(one_.Take(list_).empty()) << "nothing before the read is answered";
  engine_.AnswerReads();
  Publish("g", "4");
  EXPECT_EQ(Messages(one_.Take(list_)), (Strings{"subscribed", "2", "3", "4"}));
}

TEST_F(HubTest, TooMuchThatWaitsIsReadAgainWithoutAHole) {
  limits_.history_publications_max = 2 * kCatchUpRecordsMax;
  Subscribe(one_, "g");
  for (size_t i = 0; i < kCatchUpRecordsMax + 10; ++i) Publish("g", std::to_string(i));
  engine_.AnswerReads();
  Publish("g", "late");
  engine_.AnswerReads();
  const auto messages = Messages(one_.Take(list_));
  ASSERT_EQ(messages.size(), kCatchUpRecordsMax + 12);
  for (size_t i = 0; i < kCatchUpRecordsMax + 10; ++i)
    ASSERT_EQ(messages[i + 1], std::to_string(i));
  EXPECT_EQ(messages.back(), "late");
}

TEST_F(HubTest, AGapIsAnnouncedAfterSubscribed) {
  Publish("g", "1");
  Subscribe(one_, "g", StreamPosition{"another epoch", 9});
  engine_.AnswerReads();
  const auto events = one_.Take(list_);
  EXPECT_EQ(Messages(events), (Strings{"subscribed", "gap", "1"}));
  EXPECT_FALSE(events[0].subscribed().recovered());
  EXPECT_EQ(events[1].gap().reason(), v1::GAP_REASON_EPOCH);
}

TEST_F(HubTest, SubscribingAgainReplacesTheSubscription) {
  Subscribe(one_, "g", std::nullopt, /*tag=*/1);
  Subscribe(one_, "g", std::nullopt, /*tag=*/2);
  engine_.AnswerReads();
  Publish("g", "x");
  const auto events = one_.Take(list_);
  EXPECT_EQ(Messages(events), (Strings{"subscribed", "x"}));
  EXPECT_EQ(events[0].subscribed().tag(), 2u);
}

TEST_F(HubTest, AfterUnsubscribeNothingComes) {
  Subscribe(one_, "g");
  Subscribe(two_, "g");
  engine_.AnswerReads();
  hub_.Unsubscribe(&one_.subscriber, "g");
  hub_.Unsubscribe(&one_.subscriber, "never subscribed");
  Publish("g", "x");
  EXPECT_EQ(Messages(one_.Take(list_)), (Strings{"subscribed"}));
  EXPECT_EQ(Messages(two_.Take(list_)), (Strings{"subscribed", "x"}));
}

TEST_F(HubTest, AReadThatEndsAfterTheSubscriberHasGoneIsIgnored) {
  Subscribe(one_, "g");
  hub_.Remove(&one_.subscriber);
  removed_.insert(&one_);
  engine_.AnswerReads();
  EXPECT_TRUE(one_.Take(list_).empty());
}

TEST_F(HubTest, ASubscriberOfManyGroupsIsRemovedInParts) {
  for (int i = 0; i < 10; ++i) Subscribe(one_, "g" + std::to_string(i));
  Subscribe(two_, "g0");
  engine_.AnswerReads();
  EXPECT_TRUE(hub_.Remove(&one_.subscriber, 4));
  EXPECT_TRUE(hub_.Remove(&one_.subscriber, 4));
  EXPECT_FALSE(hub_.Remove(&one_.subscriber, 4));
  removed_.insert(&one_);
  two_.Take(list_);
  for (int i = 0; i < 10; ++i) Publish("g" + std::to_string(i), "x");
  EXPECT_EQ(Messages(two_.Take(list_)), (Strings{"x"}));
}

TEST_F(HubTest, ASubscriberThatReadsTooSlowlyIsEndedAndTheOtherGoesOn) {
  Subscribe(one_, "g");
  Subscribe(two_, "g");
  engine_.AnswerReads();
  const std::string big(60'000, 'x');
  size_t received = 0;
  for (int i = 0; i < 30; ++i) {
    Publish("g", big);
    received += two_.Take(list_).size();  // nobody takes what is queued for one_
  }
  EXPECT_EQ(one_.subscriber.state(), Subscriber::State::kOverflowed);
  EXPECT_EQ(one_.subscriber.queued_bytes(), 0u);
  EXPECT_EQ(two_.subscriber.state(), Subscriber::State::kOpen);
  EXPECT_EQ(received, 31u);
}

TEST_F(HubTest, AnEngineThatIsAwayEndsTheSubscriberThatAsked) {
  Subscribe(one_, "g");
  engine_.reads[0].second = ReadResult{.available = false, .gap = {}, .records = {}};
  engine_.AnswerReads();
  EXPECT_EQ(one_.subscriber.state(), Subscriber::State::kUnavailable);
  EXPECT_EQ(two_.subscriber.state(), Subscriber::State::kOpen);
}

TEST_F(HubTest, ATurnIsWrittenInOneBlock) {
  Subscribe(one_, "g");
  engine_.AnswerReads();
  for (int i = 0; i < 50; ++i) Publish("g", "x");
  list_.FlushAll();
  EXPECT_EQ(one_.flushes, 1);
  one_.Take(list_);
  EXPECT_EQ(one_.blocks, 1);
}

}  // namespace
}  // namespace channel
