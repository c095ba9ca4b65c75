// Subscribe over real gRPC against the real binary: live, resumed, with announced gaps.

#include <gtest/gtest.h>

#include <utility>

#include "tests/integration/service_test.h"

namespace {

using channel::v1::Gap;
using channel::v1::Publication;
using channel::v1::Subscribed;
using channel::v1::SubscribeRequest;
using grpc::StatusCode;
using support::Subscriber;

constexpr int kHistoryMax = 10;

class GrpcSubscribe : public ServiceTest {
 protected:
  static void SetUpTestSuite() { StartService(HistoryFlags(kHistoryMax)); }
  void SetUp() override {
    ServiceTest::SetUp();
    if (!HasFatalFailure()) subscriber_ = service().OpenSubscriber();
  }

  Subscriber& subscriber() { return *subscriber_; }

  std::string Epoch() { return service().Publish("epoch", "x").response.position().epoch(); }

 private:
  std::unique_ptr<Subscriber> subscriber_;
};

TEST_F(GrpcSubscribe, TheAnswerHasTheTagTheEpochAndTheHead) {
  const std::vector<std::uint64_t> offsets = PublishMany("head", 2);
  subscriber().Subscribe("head", 4711);
  const Subscribed subscribed = subscriber().NextSubscribed();
  EXPECT_EQ(subscribed.group_id(), "head");
  EXPECT_EQ(subscribed.tag(), 4711U);
  EXPECT_EQ(subscribed.epoch(), Epoch());
  EXPECT_EQ(subscribed.offset(), offsets.back());
}

TEST_F(GrpcSubscribe, ThePublicationsOfAGroupAreAChain) {
  subscriber().Subscribe("chain");
  subscriber().NextSubscribed();
  std::uint64_t previous = 0;
  for (int i = 0; i < 30; ++i) {
    const std::uint64_t offset = service().MustPublish("chain", std::to_string(i));
    service().MustPublish("another group", "in between");
    const Publication publication = subscriber().NextPublication();
    EXPECT_EQ(publication.group_id(), "chain");
    EXPECT_EQ(publication.message(), std::to_string(i));
    EXPECT_EQ(publication.offset(), offset);
    EXPECT_EQ(publication.previous_offset(), previous);
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    EXPECT_NEAR(static_cast<double>(publication.time_unix_ms()), static_cast<double>(now), 60'000);
    previous = offset;
  }
}

TEST_F(GrpcSubscribe, BytesStayBytesAndTextStaysText) {
  subscriber().Subscribe("kinds");
  subscriber().NextSubscribed();
  channel::v1::PublishRequest bytes;
  bytes.set_group_id("kinds");
  bytes.set_data(std::string("\x00\xff", 2));
  ASSERT_TRUE(service().Publish(bytes).ok());
  service().MustPublish("kinds", "Bu bir mesajdır");
  const Publication first = subscriber().NextPublication();
  EXPECT_EQ(first.body_case(), Publication::kData);
  EXPECT_EQ(first.data(), std::string("\x00\xff", 2));
  const Publication second = subscriber().NextPublication();
  EXPECT_EQ(second.body_case(), Publication::kMessage);
  EXPECT_EQ(second.message(), "Bu bir mesajdır");
}

TEST_F(GrpcSubscribe, SinceAPositionComesWhatWasMissedAndThenWhatIsLive) {
  const std::vector<std::uint64_t> offsets = PublishMany("resume", 8);
  subscriber().SubscribeSince("resume", Epoch(), offsets[2]);
  const Subscribed subscribed = subscriber().NextSubscribed();
  EXPECT_TRUE(subscribed.recovered());
  EXPECT_EQ(subscribed.offset(), offsets.back());
  service().MustPublish("resume", "live");
  std::uint64_t previous = offsets[2];
  for (std::size_t i = 3; i < offsets.size(); ++i) {
    const Publication publication = subscriber().NextPublication();
    EXPECT_EQ(publication.message(), std::to_string(i));
    EXPECT_EQ(publication.offset(), offsets[i]);
    EXPECT_EQ(publication.previous_offset(), previous);
    previous = publication.offset();
  }
  EXPECT_EQ(subscriber().NextPublication().message(), "live");
}

TEST_F(GrpcSubscribe, SinceTheHeadNothingIsMissing) {
  const std::vector<std::uint64_t> offsets = PublishMany("at the head", 3);
  subscriber().SubscribeSince("at the head", Epoch(), offsets.back());
  EXPECT_TRUE(subscriber().NextSubscribed().recovered());
  service().MustPublish("at the head", "live");
  EXPECT_EQ(subscriber().NextPublication().message(), "live");
}

TEST_F(GrpcSubscribe, SinceAnEmptyPositionIsFromNowOn) {
  PublishMany("empty position", 3);
  subscriber().SubscribeSince("empty position", "", 0);
  EXPECT_TRUE(subscriber().NextSubscribed().recovered());
  service().MustPublish("empty position", "live");
  EXPECT_EQ(subscriber().NextPublication().message(), "live");
}

TEST_F(GrpcSubscribe, WhatTheHistoryNoLongerHoldsIsAnnouncedAsAGap) {
  const std::vector<std::uint64_t> offsets = PublishMany("retention", kHistoryMax + 7);
  subscriber().SubscribeSince("retention", Epoch(), offsets[1]);
  EXPECT_FALSE(subscriber().NextSubscribed().recovered());
  const Gap gap = subscriber().NextGap();
  EXPECT_EQ(gap.group_id(), "retention");
  EXPECT_EQ(gap.reason(), channel::v1::GAP_REASON_RETENTION);
  EXPECT_EQ(gap.epoch(), Epoch());
  EXPECT_EQ(gap.after(), offsets[1]);
  // Lost is what lies strictly between: the oldest that is held is not.
  EXPECT_GT(gap.before(), offsets[6]);
  EXPECT_LE(gap.before(), offsets[7]);
  for (std::size_t i = 7; i < offsets.size(); ++i) {
    EXPECT_EQ(subscriber().NextPublication().offset(), offsets[i]);
  }
  service().MustPublish("retention", "live");
  EXPECT_EQ(subscriber().NextPublication().message(), "live");
}

TEST_F(GrpcSubscribe, APositionBeyondTheNewestIsAnnouncedAsOneThatTheLogNeverGave) {
  const std::vector<std::uint64_t> offsets = PublishMany("beyond", 2);
  subscriber().SubscribeSince("beyond", Epoch(), 1'000'000);
  EXPECT_FALSE(subscriber().NextSubscribed().recovered());
  const Gap gap = subscriber().NextGap();
  EXPECT_EQ(gap.reason(), channel::v1::GAP_REASON_POSITION);
  EXPECT_EQ(gap.epoch(), Epoch());
  EXPECT_EQ(gap.after(), 0U);
  EXPECT_GT(gap.before(), 0U);
  EXPECT_LE(gap.before(), offsets[0]);
  for (const std::uint64_t offset : offsets) {
    EXPECT_EQ(subscriber().NextPublication().offset(), offset);
  }
}

TEST_F(GrpcSubscribe, APositionOfAnotherEpochIsAnnouncedAsAGap) {
  PublishMany("epochs", 3);
  subscriber().SubscribeSince("epochs", "another", 5);
  EXPECT_FALSE(subscriber().NextSubscribed().recovered());
  const Gap gap = subscriber().NextGap();
  EXPECT_EQ(gap.reason(), channel::v1::GAP_REASON_EPOCH);
  EXPECT_EQ(gap.epoch(), Epoch());
  EXPECT_EQ(gap.after(), 5U);
  service().MustPublish("epochs", "live");
  Publication publication;
  do {
    publication = subscriber().NextPublication();
    EXPECT_GE(publication.offset(), gap.before()) << "delivered, though announced as lost";
  } while (publication.message() != "live");
}

TEST_F(GrpcSubscribe, LastGivesTheNewestAndThenWhatIsLive) {
  const std::vector<std::uint64_t> offsets = PublishMany("newest", 6);
  subscriber().SubscribeLast("newest", 2);
  subscriber().NextSubscribed();
  EXPECT_EQ(subscriber().NextPublication().offset(), offsets[4]);
  EXPECT_EQ(subscriber().NextPublication().offset(), offsets[5]);
  service().MustPublish("newest", "live");
  EXPECT_EQ(subscriber().NextPublication().message(), "live");
  // More than there are: all of them.
  subscriber().SubscribeLast("newest", 1'000);
  subscriber().NextSubscribed();
  for (int i = 0; i < 7; ++i) subscriber().NextPublication();
  service().MustPublish("newest", "fence");
  EXPECT_EQ(subscriber().NextPublication().message(), "fence");
}

TEST_F(GrpcSubscribe, SubscribingAgainReplacesTheSubscription) {
  subscriber().Subscribe("again", 1);
  EXPECT_EQ(subscriber().NextSubscribed().tag(), 1U);
  subscriber().Subscribe("again", 2);
  EXPECT_EQ(subscriber().NextSubscribed().tag(), 2U);
  service().MustPublish("again", "once");
  service().MustPublish("again", "fence");
  EXPECT_EQ(subscriber().NextPublication().message(), "once");
  EXPECT_EQ(subscriber().NextPublication().message(), "fence");
}

TEST_F(GrpcSubscribe, AfterUnsubscribingNothingOfTheGroupComes) {
  subscriber().Subscribe("unwanted");
  subscriber().NextSubscribed();
  SubscribeRequest change;
  change.add_unsubscribe("unwanted");
  change.add_unsubscribe("never held");
  change.add_subscribe()->set_group_id("wanted");
  subscriber().Send(change);
  EXPECT_EQ(subscriber().NextSubscribed().group_id(), "wanted");
  service().MustPublish("unwanted", "no");
  service().MustPublish("wanted", "yes");
  EXPECT_EQ(subscriber().NextPublication().message(), "yes");
}

TEST_F(GrpcSubscribe, InOneRequestUnsubscribeComesBeforeSubscribe) {
  subscriber().Subscribe("both", 1);
  subscriber().NextSubscribed();
  SubscribeRequest change;
  change.add_unsubscribe("both");
  change.add_subscribe()->set_group_id("both");
  subscriber().Send(change);
  EXPECT_EQ(subscriber().NextSubscribed().group_id(), "both");
  service().MustPublish("both", "still here");
  EXPECT_EQ(subscriber().NextPublication().message(), "still here");
}

TEST_F(GrpcSubscribe, AClientThatHalfClosesGoesOnReceiving) {
  subscriber().Subscribe("half");
  subscriber().HalfClose();
  subscriber().NextSubscribed();
  for (int i = 0; i < 100; ++i) {
    service().MustPublish("half", std::to_string(i));
    EXPECT_EQ(subscriber().NextPublication().message(), std::to_string(i));
  }
}

TEST_F(GrpcSubscribe, ABadGroupIdEndsTheStreamWithInvalidArgument) {
  for (const std::string& group : {std::string(), std::string(256, 'g')}) {
    const std::unique_ptr<Subscriber> bad = service().OpenSubscriber();
    bad->Subscribe(group);
    const grpc::Status status = bad->AwaitEnd();
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_FALSE(status.error_message().empty());
  }
}

TEST_F(GrpcSubscribe, ManySubscribersSeeTheSameOrder) {
  constexpr int kSubscribers = 5;
  constexpr int kPublications = 500;
  std::vector<std::unique_ptr<Subscriber>> subscribers;
  for (int i = 0; i < kSubscribers; ++i) {
    subscribers.push_back(service().OpenSubscriber());
    subscribers.back()->Subscribe("crowd");
    subscribers.back()->NextSubscribed();
  }
  const std::vector<std::uint64_t> offsets = PublishMany("crowd", kPublications);
  for (const auto& one : subscribers) {
    for (const std::uint64_t offset : offsets) ASSERT_EQ(one->NextPublication().offset(), offset);
  }
}

TEST_F(GrpcSubscribe, AStreamThatIsCancelledLeavesNoSubscriptionBehind) {
  const auto subscriptions = [] {
    return deployment().service().Metric("channel_service_subscriptions");
  };
  support::Await("earlier streams are gone", [&] { return subscriptions() == 0; });
  {
    const std::unique_ptr<Subscriber> cancelled = service().OpenSubscriber();
    cancelled->Subscribe("one");
    cancelled->Subscribe("two");
    cancelled->NextSubscribed();
    cancelled->NextSubscribed();
    EXPECT_EQ(subscriptions(), 2);
  }
  support::Await("the subscriptions are gone", [&] { return subscriptions() == 0; });
}

}  // namespace
