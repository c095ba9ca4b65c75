// Subscribe and PublishStream over real gRPC against the real binary. The events of a
// subscriber are tested in hub_test.cc, tests/contract and tests/golden.

#include <gtest/gtest.h>

#include <utility>

#include "tests/integration/shared_deployment.h"

namespace {

using channel::v1::PublishRequest;
using channel::v1::PublishStreamRequest;
using channel::v1::Subscribed;
using channel::v1::SubscribeRequest;
using grpc::StatusCode;
using support::Subscriber;

PublishRequest Request(const std::string& group, const std::string& message,
                       std::uint64_t sequence = 0) {
  PublishRequest request;
  request.set_group_id(group);
  request.set_message(message);
  request.set_sequence(sequence);
  return request;
}

class GrpcStream : public SharedDeployment {
 protected:
  static void SetUpTestSuite() { DeployService({}); }

  // The publications with sequences first … last.
  static PublishStreamRequest Sequences(const std::string& publisher, std::uint64_t first,
                                        std::uint64_t last) {
    PublishStreamRequest request;
    request.set_publisher(publisher);
    for (std::uint64_t i = first; i <= last; ++i) {
      *request.add_publications() = Request("sequences", std::to_string(i), i);
    }
    return request;
  }
};

TEST_F(GrpcStream, SinceAPositionComesWhatWasMissedAndThenWhatIsLive) {
  const std::vector<std::uint64_t> offsets = PublishMany("resume", 8);
  const std::string epoch = service().Publish("epoch", "x").response.position().epoch();
  const auto subscriber = service().OpenSubscriber();
  SubscribeRequest request;
  channel::v1::Subscription& subscription = *request.add_subscribe();
  subscription.set_group_id("resume");
  subscription.set_tag(4711);
  subscription.mutable_since()->set_epoch(epoch);
  subscription.mutable_since()->set_offset(offsets[2]);
  subscriber->Send(request);
  const Subscribed subscribed = subscriber->NextSubscribed();
  EXPECT_EQ(subscribed.group_id(), "resume");
  EXPECT_EQ(subscribed.tag(), 4711U);
  EXPECT_EQ(subscribed.epoch(), epoch);
  EXPECT_EQ(subscribed.offset(), offsets.back());
  EXPECT_TRUE(subscribed.recovered());
  service().MustPublish("resume", "live");
  std::uint64_t previous = offsets[2];
  for (std::size_t i = 3; i < offsets.size(); ++i) {
    const channel::v1::Publication publication = subscriber->NextPublication();
    EXPECT_EQ(publication.message(), std::to_string(i));
    EXPECT_EQ(publication.offset(), offsets[i]);
    EXPECT_EQ(publication.previous_offset(), previous);
    previous = publication.offset();
  }
  EXPECT_EQ(subscriber->NextPublication().message(), "live");
}

TEST_F(GrpcStream, SinceAnEmptyPositionIsFromNowOn) {
  PublishMany("empty position", 3);
  const auto subscriber = service().OpenSubscriber();
  subscriber->SubscribeSince("empty position", "", 0);
  EXPECT_TRUE(subscriber->NextSubscribed().recovered());
  service().MustPublish("empty position", "live");
  EXPECT_EQ(subscriber->NextPublication().message(), "live");
}

TEST_F(GrpcStream, InOneRequestUnsubscribeComesBeforeSubscribe) {
  const auto subscriber = service().OpenSubscriber();
  for (const char* group : {"both", "unwanted"}) {
    subscriber->Subscribe(group);
    subscriber->NextSubscribed();
  }
  SubscribeRequest change;
  for (const char* group : {"both", "unwanted", "never held"}) change.add_unsubscribe(group);
  change.add_subscribe()->set_group_id("both");
  subscriber->Send(change);
  EXPECT_EQ(subscriber->NextSubscribed().group_id(), "both");
  service().MustPublish("unwanted", "no");
  service().MustPublish("both", "still here");
  EXPECT_EQ(subscriber->NextPublication().message(), "still here");
}

TEST_F(GrpcStream, AClientThatHalfClosesGoesOnReceiving) {
  const auto subscriber = service().OpenSubscriber();
  subscriber->Subscribe("half");
  subscriber->HalfClose();
  subscriber->NextSubscribed();
  for (int i = 0; i < 100; ++i) {
    service().MustPublish("half", std::to_string(i));
    EXPECT_EQ(subscriber->NextPublication().message(), std::to_string(i));
  }
}

TEST_F(GrpcStream, AStreamThatIsCancelledLeavesNoSubscriptionBehind) {
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

TEST_F(GrpcStream, AnswersComeInOrderAndABadOneInTheMiddleDoesNotEndTheStream) {
  PublishStreamRequest first;
  *first.add_publications() = Request("stream", "one");
  *first.add_publications() = Request("", "no group");
  *first.add_publications() = Request("stream", "not UTF-8: \xff");
  *first.add_publications() = Request("stream", "two");
  PublishStreamRequest second;
  *second.add_publications() = Request("stream", "of no publisher", 1);
  *second.add_publications() = Request("stream", std::string(65'537, 'm'));
  *second.add_publications() = Request("stream", "three");

  const auto answer = service().PublishAll({first, second});
  ASSERT_TRUE(answer.ok()) << answer.status.error_message();
  const auto& results = answer.response.results();
  ASSERT_EQ(results.size(), 7);
  for (const int bad : {1, 2, 4}) {
    EXPECT_EQ(results[bad].error().code(), StatusCode::INVALID_ARGUMENT) << bad;
  }
  EXPECT_EQ(results[2].error().message(), "message is not valid UTF-8");
  EXPECT_EQ(results[5].error().code(), StatusCode::RESOURCE_EXHAUSTED);
  std::uint64_t previous = 0;
  for (const int good : {0, 3, 6}) {
    ASSERT_TRUE(results[good].has_published()) << good;
    EXPECT_GT(results[good].published().position().offset(), previous);
    previous = results[good].published().position().offset();
  }
  channel::v1::HistoryRequest history;
  history.set_group_id("stream");
  std::string held;
  const auto page = service().History(history);
  for (const auto& publication : page.response.publications()) {
    held += publication.message() + " ";
  }
  EXPECT_EQ(held, "one two three ");
}

TEST_F(GrpcStream, ARequestThatIsRefusedEndsTheStreamBehindTheAnswersBeforeIt) {
  PublishStreamRequest not_text = Sequences("", 0, 0);
  not_text.set_publisher("not UTF-8: \xff");
  PublishStreamRequest another = Sequences("another publisher", 2, 2);
  const std::pair<PublishStreamRequest, std::string> rows[] = {
      {not_text, "publisher is not valid UTF-8"},
      {another, "publisher is another"},
  };
  for (const auto& [request, words] : rows) {
    const auto answer = service().PublishAll({Sequences("one publisher", 1, 1), request});
    EXPECT_EQ(answer.status.error_code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_NE(answer.status.error_message().find(words), std::string::npos)
        << answer.status.error_message();
    EXPECT_EQ(answer.response.results_size(), 1) << "what came before is answered";
  }
}

TEST_F(GrpcStream, ASequenceThatIsSentAgainIsADuplicateWithTheFirstPosition) {
  const auto first = service().PublishAll({Sequences("publisher-1", 1, 5)});
  ASSERT_TRUE(first.ok()) << first.status.error_message();
  ASSERT_EQ(first.response.results_size(), 5);
  // On a new connection, as after a cut: the last three again, and a new one.
  Reconnect();
  const auto second = service().PublishAll({Sequences("publisher-1", 3, 6)});
  ASSERT_TRUE(second.ok()) << second.status.error_message();
  ASSERT_EQ(second.response.results_size(), 4);
  for (int i = 0; i < 4; ++i) {
    const channel::v1::PublishResponse& published = second.response.results(i).published();
    EXPECT_EQ(published.duplicate(), i < 3);
    if (i < 3) {
      EXPECT_EQ(published.position().offset(),
                first.response.results(i + 2).published().position().offset());
    }
  }
  // Another publisher counts for itself.
  const auto other = service().PublishAll({Sequences("publisher-2", 3, 6)});
  for (const auto& result : other.response.results()) {
    EXPECT_TRUE(result.has_published());
    EXPECT_FALSE(result.published().duplicate());
  }
}

}  // namespace
