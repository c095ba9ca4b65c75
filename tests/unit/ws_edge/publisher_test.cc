#include "ws_edge/upstream/publisher.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace edge {
namespace {

using std::chrono::milliseconds;

class PublisherTest : public ::testing::Test, public Publisher::Observer {
 protected:
  void OnPublishAnswer(const Sender& sender, const PublishAnswer& answer) override {
    answers_.push_back(std::to_string(sender.number) + (answer.status.ok() ? " ok" : " refused"));
  }

  bool Publish(std::string_view body) {
    channel::PublishInput input;
    input.group_id = "g";
    input.body = body;
    Sender sender;
    sender.number = ++last_number_;
    return publisher_->Publish(input, sender);
  }
  void Make(Publisher::Options options) {
    publisher_ = std::make_unique<Publisher>(options, clock_);
  }
  // The bodies of the next message, one after the other.
  std::string Take() {
    channel::v1::PublishStreamRequest request;
    EXPECT_TRUE(request.ParseFromString(publisher_->TakeMessage()));
    std::string bodies;
    for (const auto& publication : request.publications()) bodies += publication.message();
    publisher_named_ = request.publisher();
    return bodies;
  }
  bool Answer(int count) {
    channel::v1::PublishStreamResponse response;
    for (int i = 0; i < count; ++i) {
      auto& position = *response.add_results()->mutable_published()->mutable_position();
      position.set_epoch("e");
      position.set_offset(1);
    }
    return publisher_->OnAnswers(response, this);
  }

  using Strings = std::vector<std::string>;
  channel::test::FakeClock clock_;
  std::unique_ptr<Publisher> publisher_;
  std::string publisher_named_;
  uint64_t last_number_ = 0;
  Strings answers_;
};

TEST_F(PublisherTest, WhatIsUnansweredIsSentAgainAfterALostLink) {
  Make({.name = "p",
        .message_bytes_max = 33,
        .sent_max = 100});  // a name of 3 bytes, and three of 10
  for (const char* body : {"a", "b", "c", "d"}) ASSERT_TRUE(Publish(body));
  const std::string first = Take();
  EXPECT_EQ(publisher_named_, "p");
  EXPECT_EQ(first + Take(), "abcd");
  EXPECT_EQ(publisher_named_, "") << "once on each link";
  EXPECT_TRUE(Answer(1));
  EXPECT_EQ(answers_, Strings{"1 ok"});
  publisher_->OnLinkOver();
  std::string again;
  for (std::string next = Take(); !next.empty(); next = Take()) again += next;
  EXPECT_EQ(again, "bcd");
}

TEST_F(PublisherTest, ARecordOverTheSizeOfAMessageGoesAlone) {
  Make({.name = "p", .message_bytes_max = 3, .sent_max = 100});
  ASSERT_TRUE(Publish("a long record"));
  ASSERT_TRUE(Publish("b"));
  EXPECT_EQ(Take(), "a long record");
  EXPECT_EQ(Take(), "b");
  EXPECT_EQ(Take(), "");
}

TEST_F(PublisherTest, AtMostSoManyAreUnanswered) {
  Make({.name = "p", .message_bytes_max = 1000, .sent_max = 2});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Publish("x"));
  EXPECT_EQ(Take(), "xx");
  EXPECT_EQ(Take(), "");
  EXPECT_TRUE(Answer(1));
  EXPECT_EQ(Take(), "x");
}

TEST_F(PublisherTest, WhatDoesNotFitIsNotTaken) {
  Make({.name = "p", .queue_bytes_max = 1000, .message_bytes_max = 1000, .sent_max = 100});
  EXPECT_FALSE(Publish(std::string(1000, 'x')));
  EXPECT_TRUE(Publish("x"));
  EXPECT_EQ(Take(), "x");
  EXPECT_EQ(publisher_->unanswered(), 1u);
}

TEST_F(PublisherTest, AServiceThatAnswersMoreThanItWasSentIsFoundOut) {
  Make({.name = "p", .message_bytes_max = 1000, .sent_max = 100});
  ASSERT_TRUE(Publish("x"));
  EXPECT_FALSE(Answer(1)) << "it was not sent yet";
  (void)Take();
  EXPECT_FALSE(Answer(2));
  EXPECT_EQ(answers_, Strings{"1 ok"});
}

TEST_F(PublisherTest, AnAnswerWithoutAPositionOrAnErrorIsFoundOut) {
  Make({.name = "p", .message_bytes_max = 1000, .sent_max = 100});
  ASSERT_TRUE(Publish("x"));
  (void)Take();
  channel::v1::PublishStreamResponse response;
  channel::v1::PublishResult& result = *response.add_results();
  EXPECT_FALSE(publisher_->OnAnswers(response, this)) << "empty";
  result.mutable_error()->set_message("code 0");
  EXPECT_FALSE(publisher_->OnAnswers(response, this));
  result.mutable_published()->mutable_position()->set_epoch("e");
  EXPECT_FALSE(publisher_->OnAnswers(response, this)) << "offset 0";
  result.mutable_published()->mutable_position()->set_offset(1);
  result.mutable_published()->mutable_position()->set_epoch("\"");
  EXPECT_FALSE(publisher_->OnAnswers(response, this)) << "no epoch";
  EXPECT_EQ(answers_, Strings{});
}

TEST_F(PublisherTest, ALinkIsNotDeadForTheTimeBeforeItCameUp) {
  Make({.name = "p", .timeout = milliseconds(10'000), .message_bytes_max = 1000, .sent_max = 100});
  ASSERT_TRUE(Publish("x"));
  clock_.Step(milliseconds(9'999));
  EXPECT_EQ(Take(), "x");
  clock_.Step(milliseconds(2));
  EXPECT_TRUE(publisher_->Expire(this)) << "it was sent 2 ms ago";
  clock_.Step(milliseconds(2'000));
  EXPECT_FALSE(publisher_->Expire(this));
  EXPECT_EQ(answers_, Strings{}) << "it may have been published";
  publisher_->OnLinkOver();
  EXPECT_TRUE(publisher_->Expire(this));
  EXPECT_EQ(answers_, Strings{"1 refused"});
}

TEST_F(PublisherTest, WhatWaitsTooLongForALinkIsRefused) {
  Make({.name = "p", .timeout = milliseconds(10'000), .message_bytes_max = 1000, .sent_max = 100});
  ASSERT_TRUE(Publish("x"));
  clock_.Step(milliseconds(10'000));
  EXPECT_TRUE(publisher_->Expire(this));
  EXPECT_EQ(answers_, Strings{});
  clock_.Step(milliseconds(1));
  EXPECT_TRUE(publisher_->Expire(this));
  EXPECT_EQ(answers_, Strings{"1 refused"});
}

}  // namespace
}  // namespace edge
