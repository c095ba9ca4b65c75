#include "channel_service/hub/hub.h"

#include <gtest/gtest.h>

#include "channel/v1/channel.pb.h"
#include "channel_service/engine/memory/memory_engine.h"
#include "tests/support/fake_clock.h"

namespace channel {
namespace {

// A stream without a network: keeps what is written until the test takes it.
class FakeSubscriber final : public Subscriber {
 public:
  using Subscriber::Subscriber;

  // Everything written, as events; each block is answered as the transport would.
  std::vector<v1::Event> Take(FlushList& list) {
    list.FlushAll();
    while (!blocks.empty()) {
      std::vector<std::string> taken;
      taken.swap(blocks);
      for (const std::string& block : taken) bytes += block;
      OnWritten();
      list.FlushAll();
    }
    v1::SubscribeResponse response;
    EXPECT_TRUE(response.ParseFromString(bytes));
    bytes.clear();
    return {response.events().begin(), response.events().end()};
  }

  std::vector<std::string> blocks;
  std::string bytes;
  int overflows = 0;
  int unavailable = 0;

 private:
  void StartWrite(std::string block) override { blocks.push_back(std::move(block)); }
  void OnOverflow() override { ++overflows; }
  void OnUnavailable() override { ++unavailable; }
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
  ~HubTest() override {
    for (FakeSubscriber* subscriber : {&one_, &two_}) {
      if (!removed_.contains(subscriber)) hub_.Remove(subscriber);
    }
  }

  uint64_t Publish(std::string_view group, std::string_view body) {
    PublishInput input;
    input.group_id = group;
    input.body = body;
    engine_.StartPublish(input, this, 0);
    return offset_;
  }

  void Subscribe(FakeSubscriber& subscriber, std::string_view group,
                 std::optional<StreamPosition> since = std::nullopt, uint64_t tag = 0) {
    SubscribeInput input;
    input.group_id = group;
    input.since = std::move(since);
    input.tag = tag;
    ASSERT_TRUE(hub_.Subscribe(&subscriber, input).ok());
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
  FakeSubscriber one_{list_, metrics_, 1 << 20};
  FakeSubscriber two_{list_, metrics_, 1 << 20};
  absl::flat_hash_set<FakeSubscriber*> removed_;
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
  hub_.Unsubscribe(&one_, "g");
  hub_.Unsubscribe(&one_, "never subscribed");
  Publish("g", "x");
  EXPECT_EQ(Messages(one_.Take(list_)), (Strings{"subscribed"}));
  EXPECT_EQ(Messages(two_.Take(list_)), (Strings{"subscribed", "x"}));
}

TEST_F(HubTest, AReadThatEndsAfterTheSubscriberHasGoneIsIgnored) {
  Subscribe(one_, "g");
  hub_.Remove(&one_);
  removed_.insert(&one_);
  engine_.AnswerReads();
  EXPECT_TRUE(one_.Take(list_).empty());
}

TEST_F(HubTest, ASubscriberThatReadsTooSlowlyIsEndedAndTheOtherGoesOn) {
  Subscribe(one_, "g");
  Subscribe(two_, "g");
  engine_.AnswerReads();
  const std::string big(60'000, 'x');
  size_t received = 0;
  for (int i = 0; i < 30; ++i) {
    Publish("g", big);
    received += two_.Take(list_).size();  // flushes one_ too, which never answers its write
  }
  list_.FlushAll();
  EXPECT_EQ(one_.overflows, 1);
  EXPECT_EQ(one_.queued_bytes(), 0u);
  EXPECT_EQ(two_.overflows, 0);
  EXPECT_EQ(received, 31u);
}

TEST_F(HubTest, ATurnIsWrittenInOneBlock) {
  Subscribe(one_, "g");
  engine_.AnswerReads();
  for (int i = 0; i < 50; ++i) Publish("g", "x");
  list_.FlushAll();
  EXPECT_EQ(one_.blocks.size(), 1u);
  one_.Take(list_);
}

}  // namespace
}  // namespace channel
