// The link on streams without a network, with a fake clock.
#include "ws_edge/upstream/link.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_transport.h"
#include "ws_edge/upstream/subscription.h"

namespace edge {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LinkTest : public ::testing::Test, public Link::Observer, public Subscription::Observer {
 protected:
  static LinkOptions Options() {
    LinkOptions options;
    options.addresses = {"one:1", "two:2"};
    options.publisher = "edge";
    return options;
  }
  ~LinkTest() override {
    transport_.Lose(absl::UnavailableError("over"));
    transport_.Settle();
  }

  void OnPublishAnswer(const Sender& sender, const PublishAnswer& answer) override {
    answers_.push_back(std::to_string(sender.number) + (answer.status.ok() ? " ok" : " refused"));
  }
  void OnTurnEnd() override {}
  void OnSubscribed(Subscription::Answer) override {}
  bool OnGap(const Subscription::Gap&) override { return false; }
  void OnPublication(const channel::v1::Publication& publication, bool, bool alone) override {
    came_.push_back(std::to_string(publication.offset()) + (alone ? " alone" : ""));
  }

  void Tick(milliseconds time) {
    clock_.Step(time);
    link_.OnTick();
    transport_.Settle();
  }
  void ComeUp() {
    if (transport_.subscribe() == nullptr) Tick(seconds(2));
    transport_.ComeUp();
    transport_.Settle();
  }
  void Publish(uint64_t number) {
    link_.Publish({.body = "m", .came_at = clock_.Now()}, {.group_id = "g", .number = number});
  }
  static std::string Batch(std::initializer_list<uint64_t> offsets) {
    channel::v1::SubscribeResponse batch;
    for (const uint64_t offset : offsets) {
      channel::v1::Publication& publication = *batch.add_events()->mutable_publication();
      publication.set_group_id("g");
      publication.set_offset(offset);
      publication.set_previous_offset(offset - 1);
    }
    return batch.SerializeAsString();
  }
  // The group follows its publications from offset 1 on.
  void Follow(Subscription& subscription) {
    subscription.Ask({});
    while (link_.Write()) {
    }
    channel::v1::SubscribeResponse batch;
    channel::v1::Subscribed& subscribed = *batch.add_events()->mutable_subscribed();
    subscribed.set_group_id("g");
    subscribed.set_tag(1);
    subscribed.set_epoch("e");
    subscribed.set_recovered(true);
    transport_.subscribe()->Give(batch.SerializeAsString());
    link_.OnTurnEnd();
  }

  using Strings = std::vector<std::string>;
  channel::test::FakeClock clock_;
  prometheus::Registry registry_;
  EdgeMetrics metrics_{registry_};
  test::FakeTransport transport_;
  Link link_{Options(), transport_, clock_, metrics_};
  Strings answers_;
  Strings came_;
};

TEST_F(LinkTest, ItComesUpWhenBothStreamsAreUp) {
  link_.Start(this);
  Tick(milliseconds(0));
  transport_.subscribe()->ComeUp();
  EXPECT_FALSE(link_.up());
  transport_.publish()->ComeUp();
  EXPECT_TRUE(link_.up());
  EXPECT_EQ(link_.acknowledged_in(), "memory");
}

TEST_F(LinkTest, TheNextAddressIsTriedAfterALossAndAfterNoAnswer) {
  link_.Start(this);
  ComeUp();
  EXPECT_EQ(transport_.last_address(), 0u);
  transport_.Lose(absl::UnavailableError("gone"));
  EXPECT_FALSE(link_.up());
  EXPECT_EQ(link_.down_reason(), "gone");
  Tick(seconds(2));
  EXPECT_EQ(transport_.last_address(), 1u);
  Tick(seconds(1));
  EXPECT_EQ(link_.down_reason(), "gone; two:2: no answer");
  Tick(seconds(2));
  EXPECT_EQ(transport_.last_address(), 0u);
  ComeUp();
  EXPECT_TRUE(link_.up());
}

TEST_F(LinkTest, TheReasonOfAConnectionThatIsNotMadeIsAskedFor) {
  link_.Start(this);
  Tick(milliseconds(0));
  EXPECT_EQ(transport_.why(), nullptr);
  Tick(milliseconds(300));
  ASSERT_NE(transport_.why(), nullptr);
  transport_.why()->End(absl::UnavailableError("refused"));
  EXPECT_EQ(link_.down_reason(), "one:1: refused");
  Tick(seconds(1));
  EXPECT_EQ(link_.down_reason(), "one:1: refused") << "that there was no answer says less";
  ComeUp();
  EXPECT_TRUE(link_.up());
}

TEST_F(LinkTest, AStreamThatAsksForTheReasonAndComesUpIsNotTheLink) {
  link_.Start(this);
  Tick(milliseconds(0));
  Tick(milliseconds(300));
  transport_.why()->ComeUp();
  EXPECT_FALSE(link_.up());
  transport_.ComeUp();
  EXPECT_TRUE(link_.up());
  EXPECT_EQ(metrics_.upstream_connects.Value(), 1);
  transport_.Settle();
  EXPECT_EQ(transport_.why(), nullptr);
}

TEST_F(LinkTest, AServiceThatStopsMayAnswerBeforeTheLinkIsOver) {
  link_.Start(this);
  ComeUp();
  Publish(1);
  while (link_.Write()) {
  }
  transport_.subscribe()->End(absl::UnavailableError("draining"));
  EXPECT_FALSE(link_.up());
  Tick(milliseconds(999));
  ASSERT_NE(transport_.publish(), nullptr);
  channel::v1::PublishStreamResponse response;
  auto& position = *response.add_results()->mutable_published()->mutable_position();
  position.set_epoch("e");
  position.set_offset(1);
  transport_.publish()->Give(response.SerializeAsString());
  EXPECT_EQ(answers_, Strings{"1 ok"});
  Tick(milliseconds(1));
  EXPECT_EQ(transport_.publish(), nullptr) << "no last words: it is cancelled";
}

TEST_F(LinkTest, APublicationThatIsNotAnsweredFailsAlone) {
  link_.Start(this);
  ComeUp();
  Publish(1);
  while (link_.Write()) {
  }
  Tick(seconds(10));
  EXPECT_EQ(answers_, Strings{});
  Tick(milliseconds(1));
  EXPECT_EQ(answers_, Strings{"1 refused"});
  EXPECT_TRUE(link_.up());
}

TEST_F(LinkTest, APublicationIsAloneIfNothingElseComesInItsTurn) {
  Subscription subscription(link_.subscriptions(), "g", this);
  link_.Start(this);
  ComeUp();
  Follow(subscription);
  transport_.subscribe()->Give(Batch({1}));
  EXPECT_EQ(came_, Strings{}) << "more may follow in this turn";
  link_.OnTurnEnd();
  transport_.subscribe()->Give(Batch({2}));
  transport_.subscribe()->Give(Batch({}));
  transport_.subscribe()->Give(Batch({3}));
  link_.OnTurnEnd();
  transport_.subscribe()->Give(Batch({4, 5}));
  transport_.subscribe()->Give(Batch({6}));
  link_.OnTurnEnd();
  EXPECT_EQ(came_, (Strings{"1 alone", "2", "3", "4", "5", "6"}));
}

TEST_F(LinkTest, WhatIsNoMessageOfTheServiceEndsTheLink) {
  link_.Start(this);
  ComeUp();
  transport_.subscribe()->Give("\xff\xff");
  EXPECT_EQ(link_.down_reason(), "the service sent what is not a SubscribeResponse");
}

TEST_F(LinkTest, AStopWaitsForAnswersButNotForEver) {
  link_.Start(this);
  ComeUp();
  Publish(1);
  while (link_.Write()) {
  }
  link_.Stop(seconds(2));
  Tick(milliseconds(1'999));
  EXPECT_TRUE(link_.up());
  Tick(milliseconds(1));
  Tick(milliseconds(50));
  EXPECT_TRUE(link_.stopped());
}

TEST_F(LinkTest, AStopWithoutALinkIsOverAtOnce) {
  link_.Start(this);
  link_.Stop(milliseconds(0));
  Tick(milliseconds(0));
  EXPECT_TRUE(link_.stopped());
}

}  // namespace
}  // namespace edge
