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

  void Publish(std::string_view body, uint64_t client = 1) {
    publisher_->Publish({.body = std::string(body), .came_at = clock_.Now()},
                        {.client_id = client, .group_id = "g", .number = ++last_number_});
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
  // Answers by sequence; 0: as a service that answers in order.
  bool Answer(std::initializer_list<uint64_t> sequences) {
    channel::v1::PublishStreamResponse response;
    for (const uint64_t sequence : sequences) {
      channel::v1::PublishResult& result = *response.add_results();
      result.set_sequence(sequence);
      result.mutable_published()->mutable_position()->set_epoch("e");
      result.mutable_published()->mutable_position()->set_offset(1);
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
        .message_bytes_max = 35,
        .sent_max = 100});  // a head of 5 bytes, and three of 10
  for (const char* body : {"a", "b", "c", "d"}) Publish(body);
  const std::string first = Take();
  EXPECT_EQ(publisher_named_, "p");
  EXPECT_EQ(first + Take(), "abcd");
  EXPECT_EQ(publisher_named_, "") << "once on each link";
  EXPECT_TRUE(Answer({1}));
  EXPECT_EQ(answers_, Strings{"1 ok"});
  publisher_->OnLinkOver();
  std::string again;
  for (std::string next = Take(); !next.empty(); next = Take()) again += next;
  EXPECT_EQ(again, "bcd");
}

TEST_F(PublisherTest, ARecordOverTheSizeOfAMessageGoesAlone) {
  Make({.name = "p", .message_bytes_max = 3, .sent_max = 100});
  Publish("a long record");
  Publish("b");
  EXPECT_EQ(Take(), "a long record");
  EXPECT_EQ(Take(), "b");
  EXPECT_EQ(Take(), "");
}

TEST_F(PublisherTest, AtMostSoManyAreUnanswered) {
  Make({.name = "p", .message_bytes_max = 1000, .sent_max = 2});
  for (int i = 0; i < 5; ++i) Publish("x");
  EXPECT_EQ(Take(), "xx");
  EXPECT_EQ(Take(), "");
  EXPECT_TRUE(Answer({1}));
  EXPECT_EQ(Take(), "x");
}

TEST_F(PublisherTest, ClientsTakeTurns) {
  Make({.name = "p", .message_bytes_max = 1000, .sent_max = 100});
  for (const char* body : {"a", "b", "c"}) Publish(body, /*client=*/1);
  Publish("x", /*client=*/2);
  Publish("p", /*client=*/3);
  Publish("q", /*client=*/3);
  EXPECT_EQ(Take(), "axpbqc");
}

TEST_F(PublisherTest, AnswersComeInAnyOrder) {
  Make({.name = "p", .message_bytes_max = 1000, .sent_max = 3});
  for (const char* body : {"a", "b", "c", "d"}) Publish(body);
  EXPECT_EQ(Take(), "abc");
  EXPECT_TRUE(Answer({3, 2}));
  EXPECT_EQ(answers_, (Strings{"3 ok", "2 ok"}));
  EXPECT_EQ(publisher_->unanswered(), 2u);
  EXPECT_EQ(Take(), "") << "their sequences are remembered up to the first that is unanswered";
  EXPECT_TRUE(Answer({1}));
  EXPECT_EQ(Take(), "d");
}

TEST_F(PublisherTest, AServiceMayAnswerInOrderWithoutSequences) {
  Make({.name = "p", .message_bytes_max = 1000, .sent_max = 100});
  Publish("a");
  Publish("b");
  (void)Take();
  EXPECT_TRUE(Answer({0, 0}));
  EXPECT_EQ(answers_, (Strings{"1 ok", "2 ok"}));
  EXPECT_FALSE(Answer({0}));
}

TEST_F(PublisherTest, WhatIsAnsweredIsNotSentAgain) {
  Make({.name = "p", .message_bytes_max = 1000, .sent_max = 100});
  for (const char* body : {"a", "b", "c"}) Publish(body);
  (void)Take();
  EXPECT_TRUE(Answer({2}));
  publisher_->OnLinkOver();
  EXPECT_EQ(Take(), "ac");
  EXPECT_TRUE(Answer({1, 3}));
  EXPECT_EQ(publisher_->unanswered(), 0u);
}

TEST_F(PublisherTest, AServiceThatAnswersMoreThanItWasSentIsFoundOut) {
  Make({.name = "p", .message_bytes_max = 1000, .sent_max = 100});
  Publish("x");
  EXPECT_FALSE(Answer({1})) << "it was not sent yet";
  (void)Take();
  EXPECT_FALSE(Answer({1, 2}));
  EXPECT_FALSE(Answer({1})) << "it was answered";
  EXPECT_EQ(answers_, Strings{"1 ok"});
}

TEST_F(PublisherTest, AnAnswerWithoutAPositionOrAnErrorIsFoundOut) {
  Make({.name = "p", .message_bytes_max = 1000, .sent_max = 100});
  Publish("x");
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

TEST_F(PublisherTest, WhatIsSentLateIsGivenTimeForItsAnswerAndFailsAlone) {
  Make({.name = "p", .timeout = milliseconds(10'000), .message_bytes_max = 1000, .sent_max = 100});
  Publish("x");
  clock_.Step(milliseconds(9'999));
  Publish("y");
  EXPECT_EQ(Take(), "xy");
  clock_.Step(milliseconds(2));
  publisher_->Expire(this);
  EXPECT_EQ(answers_, Strings{}) << "it was sent 2 ms ago";
  clock_.Step(milliseconds(2'000));
  publisher_->Expire(this);
  EXPECT_EQ(answers_, Strings{"1 refused"});
  publisher_->Expire(this);
  EXPECT_TRUE(Answer({2, 1})) << "an answer that comes too late is one all the same";
  EXPECT_EQ(answers_, (Strings{"1 refused", "2 ok"}));
  EXPECT_EQ(publisher_->unanswered(), 0u);
}

TEST_F(PublisherTest, WhatWasRefusedIsNotSentAgain) {
  Make({.name = "p", .timeout = milliseconds(10'000), .message_bytes_max = 1000, .sent_max = 100});
  Publish("x");
  (void)Take();
  clock_.Step(milliseconds(5'000));
  Publish("y");
  publisher_->OnLinkOver();
  clock_.Step(milliseconds(5'001));
  publisher_->Expire(this);
  EXPECT_EQ(answers_, Strings{"1 refused"});
  EXPECT_EQ(Take(), "y");
}

TEST_F(PublisherTest, WhatWaitsTooLongForALinkIsRefused) {
  Make({.name = "p", .timeout = milliseconds(10'000), .message_bytes_max = 1000, .sent_max = 100});
  Publish("x");
  clock_.Step(milliseconds(10'000));
  publisher_->Expire(this);
  EXPECT_EQ(answers_, Strings{});
  Publish("y");
  clock_.Step(milliseconds(1));
  publisher_->Expire(this);
  EXPECT_EQ(answers_, Strings{"1 refused"});
  EXPECT_EQ(Take(), "y");
}

}  // namespace
}  // namespace edge
