#include "ws_edge/upstream/subscription.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "ws_edge/upstream/subscription_table.h"

namespace edge {
namespace {

using channel::StreamPosition;
using channel::SubscribeFrom;

class SubscriptionTest : public ::testing::Test {
 protected:
  class Group final : private Subscription::Observer {
   public:
    explicit Group(SubscriptionTable& table) : subscription(table, "g", this) {}

    Subscription subscription;
    std::vector<uint64_t> offsets;  // that came
    std::vector<Subscription::Answer> answers;
    std::optional<Subscription::Gap> gap;

   private:
    void OnSubscribed(Subscription::Answer answer) override { answers.push_back(answer); }
    bool OnGap(const Subscription::Gap& announced) override {
      gap = announced;
      return true;
    }
    void OnPublication(const channel::v1::Publication& publication, bool, bool) override {
      offsets.push_back(publication.offset());
    }
  };

  // The next questions: of the one group, at most one.
  std::optional<channel::v1::Subscription> Question() {
    channel::v1::SubscribeRequest request;
    table_.TakeChanges(10, &request);
    EXPECT_LE(request.subscribe_size(), 1);
    if (request.subscribe_size() == 0) return std::nullopt;
    return request.subscribe(0);
  }
  // … on a new link.
  std::optional<channel::v1::Subscription> QuestionAgain() {
    table_.OnLinkUp();
    return Question();
  }
  void Answer(uint64_t tag, uint64_t offset, uint32_t due = 0, bool recovered = true,
              const std::string& epoch = "e") {
    channel::v1::Subscribed subscribed;
    subscribed.set_group_id("g");
    subscribed.set_epoch(epoch);
    subscribed.set_offset(offset);
    subscribed.set_tag(tag);
    subscribed.set_missed(due);
    subscribed.set_recovered(recovered);
    if (Subscription* const wanted = table_.Find("g")) wanted->OnSubscribed(subscribed);
  }
  void Publish(uint64_t offset, uint64_t previous) {
    channel::v1::Publication publication;
    publication.set_group_id("g");
    publication.set_offset(offset);
    publication.set_previous_offset(previous);
    if (Subscription* const wanted = table_.Find("g")) wanted->OnPublication(publication, false);
  }

  using Offsets = std::vector<uint64_t>;
  SubscriptionTable table_{[] {}};
};

TEST_F(SubscriptionTest, AGroupIsAskedForOnce) {
  Group group(table_);
  group.subscription.Ask({});
  group.subscription.Ask({});
  const uint64_t tag = Question()->tag();
  EXPECT_FALSE(Question().has_value()) << "two answers could not be told apart";
  EXPECT_EQ(QuestionAgain()->tag(), tag);
}

TEST_F(SubscriptionTest, TheServiceIsToldOfWhatIsNotHeldAnyMoreIfItKnowsOfIt) {
  auto group = std::make_unique<Group>(table_);
  group->subscription.Ask({});
  group.reset();
  EXPECT_FALSE(table_.has_changes()) << "nor is anything kept for it";
  group = std::make_unique<Group>(table_);
  group->subscription.Ask({});
  (void)Question();
  group.reset();
  channel::v1::SubscribeRequest request;
  table_.TakeChanges(10, &request);
  EXPECT_EQ(request.unsubscribe_size(), 1);
  EXPECT_FALSE(table_.has_changes());
}

TEST_F(SubscriptionTest, AChainIsDeliveredOnce) {
  Group group(table_);
  group.subscription.Ask({});
  const auto question = Question();
  EXPECT_FALSE(question->has_since());
  Publish(5, 0);
  EXPECT_EQ(group.offsets, Offsets{}) << "not confirmed yet";
  Answer(question->tag(), 10);
  EXPECT_EQ(group.answers, std::vector{Subscription::Answer::kFirst});
  Publish(12, 9);
  Publish(12, 9);
  Publish(15, 12);
  EXPECT_EQ(group.offsets, (Offsets{12, 15}));
  EXPECT_EQ(group.subscription.head(), 15u);
}

TEST_F(SubscriptionTest, AfterALostLinkTheGroupIsAskedForFromItsPosition) {
  Group group(table_);
  group.subscription.Ask({});
  const uint64_t tag = Question()->tag();
  Answer(tag, 10);
  Publish(12, 10);
  const auto again = QuestionAgain();
  EXPECT_EQ(again->since().epoch(), "e");
  EXPECT_EQ(again->since().offset(), 12u);
  Answer(tag, 20);
  EXPECT_EQ(group.answers.back(), Subscription::Answer::kResumed);
  Publish(14, 12);
  EXPECT_EQ(group.offsets, (Offsets{12, 14}))
      << "the head in `subscribed` must not hide what was missed";
}

TEST_F(SubscriptionTest, AHoleIsRepairedByAskingAgain) {
  Group group(table_);
  group.subscription.Ask({});
  const uint64_t tag = Question()->tag();
  Answer(tag, 10);
  Publish(14, 12);
  Publish(15, 14);
  EXPECT_EQ(group.offsets, Offsets{});
  EXPECT_EQ(Question()->since().offset(), 10u);
  Answer(tag, 15);
  Publish(12, 10);
  Publish(14, 12);
  EXPECT_EQ(group.offsets, (Offsets{12, 14}));
}

TEST_F(SubscriptionTest, TheFirstOfTheNewestPublicationsSetsThePosition) {
  Group group(table_);
  group.subscription.Ask({.last = 2});
  const auto question = Question();
  EXPECT_FALSE(question->has_since());
  EXPECT_EQ(question->last(), 2u);
  Answer(question->tag(), 30, /*due=*/2);
  Publish(20, 10);
  EXPECT_EQ(group.offsets, Offsets{20}) << "older than the head";
  Publish(30, 25);
  EXPECT_EQ(group.offsets, Offsets{20}) << "the chain counts again";
  EXPECT_EQ(Question()->since().offset(), 20u);
}

TEST_F(SubscriptionTest, WithNoneOfTheNewestPublicationsTheHeadIsThePosition) {
  Group group(table_);
  group.subscription.Ask({.last = 2});
  Answer(Question()->tag(), 30);
  Publish(31, 30);
  EXPECT_EQ(group.offsets, Offsets{31});
  EXPECT_EQ(QuestionAgain()->since().offset(), 31u);
}

TEST_F(SubscriptionTest, ALinkLostBeforeTheNewestPublicationsAsksForAllThatIsHeld) {
  Group group(table_);
  group.subscription.Ask({.last = 2});
  const uint64_t tag = Question()->tag();
  Answer(tag, 30, /*due=*/2);
  const auto again = QuestionAgain();
  EXPECT_EQ(again->since().epoch(), "e");
  EXPECT_EQ(again->since().offset(), 0u);
  Answer(tag, 30, /*due=*/2);
  Publish(3, 0);
  EXPECT_EQ(group.offsets, Offsets{3});
}

TEST_F(SubscriptionTest, ALinkLostBeforeTheGapOfTheNewestPublicationsAsksForAllThatIsHeld) {
  Group group(table_);
  group.subscription.Ask({.last = 2});
  Answer(Question()->tag(), 30, /*due=*/0, /*recovered=*/false);
  EXPECT_EQ(QuestionAgain()->since().offset(), 0u);
}

TEST_F(SubscriptionTest, AGapMovesThePositionIntoTheNewEpoch) {
  Group group(table_);
  group.subscription.Ask({StreamPosition{"old", 100}, 0});
  Answer(Question()->tag(), 7, 0, /*recovered=*/false, "new");
  Publish(5, 0);
  EXPECT_EQ(group.offsets, Offsets{}) << "the gap is not told yet";
  channel::v1::Gap gap;
  gap.set_group_id("g");
  gap.set_epoch("new");
  gap.set_after(100);
  gap.set_before(5);
  EXPECT_TRUE(table_.Find("g")->OnGap(gap));
  EXPECT_TRUE(group.gap->log_began_anew);
  EXPECT_FALSE(table_.Find("g")->OnGap(gap)) << "one for each answer";
  Publish(5, 0);
  EXPECT_EQ(group.offsets, Offsets{5});
  EXPECT_EQ(QuestionAgain()->since().epoch(), "new");
}

TEST_F(SubscriptionTest, AnswersToAnEarlierSubscriptionAreNotTakenForTheNewOne) {
  auto group = std::make_unique<Group>(table_);
  group->subscription.Ask({});
  const uint64_t old_tag = Question()->tag();
  group.reset();
  group = std::make_unique<Group>(table_);
  group->subscription.Ask({});
  const uint64_t tag = Question()->tag();
  Answer(old_tag, 10);
  Publish(11, 10);
  EXPECT_TRUE(group->answers.empty());
  EXPECT_EQ(group->offsets, Offsets{});
  Answer(tag, 11);
  Publish(12, 11);
  EXPECT_EQ(group->offsets, Offsets{12});
}

}  // namespace
}  // namespace edge
