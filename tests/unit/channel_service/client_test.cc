#include <gtest/gtest.h>

#include "channel_service/client/publish_queue.h"
#include "channel_service/client/resume_table.h"

namespace channel {
namespace {

using Verdict = ResumeTable::Verdict;

v1::Subscribed Subscribed(uint64_t tag, uint64_t offset, const std::string& epoch = "e") {
  v1::Subscribed subscribed;
  subscribed.set_group_id("g");
  subscribed.set_epoch(epoch);
  subscribed.set_offset(offset);
  subscribed.set_tag(tag);
  return subscribed;
}

v1::Publication Publication(uint64_t offset, uint64_t previous) {
  v1::Publication publication;
  publication.set_group_id("g");
  publication.set_offset(offset);
  publication.set_previous_offset(previous);
  return publication;
}

// What is asked for, of the one group.
std::optional<v1::Subscription> Ask(ResumeTable& table) {
  v1::SubscribeRequest request;
  table.TakeChanges(10, &request);
  EXPECT_LE(request.subscribe_size(), 1);
  if (request.subscribe_size() == 0) return std::nullopt;
  return request.subscribe(0);
}
// … on a new link.
std::optional<v1::Subscription> AskAgain(ResumeTable& table) {
  table.OnLinkUp();
  return Ask(table);
}

TEST(ResumeTableTest, AGroupIsAskedForOnce) {
  ResumeTable table;
  table.Add("g", 1, {});
  table.Add("g", 2, {});
  EXPECT_EQ(Ask(table)->tag(), 2u);
  EXPECT_FALSE(Ask(table).has_value()) << "two answers could not be told apart";
  EXPECT_EQ(AskAgain(table)->tag(), 2u);
}

TEST(ResumeTableTest, TheServiceIsToldOfWhatIsNotHeldAnyMoreIfItKnowsOfIt) {
  ResumeTable table;
  table.Add("g", 1, {});
  table.Remove("g");
  EXPECT_FALSE(table.has_changes()) << "nor is anything kept for it";
  table.Add("g", 2, {});
  (void)Ask(table);
  table.Remove("g");
  table.Remove("g");
  v1::SubscribeRequest request;
  table.TakeChanges(10, &request);
  EXPECT_EQ(request.unsubscribe_size(), 1);
  EXPECT_FALSE(table.has_changes());
}

TEST(ResumeTableTest, AChainIsDeliveredOnce) {
  ResumeTable table;
  table.Add("g", 1, {});
  EXPECT_FALSE(Ask(table)->has_since());
  EXPECT_EQ(table.OnPublication(Publication(5, 0)), Verdict::kDrop) << "not confirmed yet";
  EXPECT_TRUE(table.OnSubscribed(Subscribed(1, 10)));
  EXPECT_EQ(table.OnPublication(Publication(12, 9)), Verdict::kDeliver);
  EXPECT_EQ(table.OnPublication(Publication(12, 9)), Verdict::kDrop) << "a duplicate";
  EXPECT_EQ(table.OnPublication(Publication(15, 12)), Verdict::kDeliver);
}

TEST(ResumeTableTest, AfterALostLinkEachGroupIsAskedForFromItsPosition) {
  ResumeTable table;
  table.Add("g", 1, {});
  (void)Ask(table);
  table.OnSubscribed(Subscribed(1, 10));
  table.OnPublication(Publication(12, 10));
  const auto again = AskAgain(table);
  EXPECT_EQ(again->since().epoch(), "e");
  EXPECT_EQ(again->since().offset(), 12u);
  EXPECT_TRUE(table.OnSubscribed(Subscribed(1, 20)));
  EXPECT_EQ(table.OnPublication(Publication(14, 12)), Verdict::kDeliver)
      << "the head in `subscribed` must not hide what was missed";
}

TEST(ResumeTableTest, AHoleIsRepairedByResubscribing) {
  ResumeTable table;
  table.Add("g", 1, {});
  (void)Ask(table);
  table.OnSubscribed(Subscribed(1, 10));
  EXPECT_EQ(table.OnPublication(Publication(14, 12)), Verdict::kMissed);
  EXPECT_EQ(table.OnPublication(Publication(15, 14)), Verdict::kDrop);
  EXPECT_EQ(AskAgain(table)->since().offset(), 10u);
  table.OnSubscribed(Subscribed(1, 15));
  EXPECT_EQ(table.OnPublication(Publication(12, 10)), Verdict::kDeliver);
  EXPECT_EQ(table.OnPublication(Publication(14, 12)), Verdict::kDeliver);
}

TEST(ResumeTableTest, TheFirstOfTheNewestPublicationsSetsThePosition) {
  ResumeTable table;
  table.Add("g", 1, {.last = 2});
  const auto subscription = Ask(table);
  EXPECT_FALSE(subscription->has_since());
  EXPECT_EQ(subscription->last(), 2u);
  v1::Subscribed subscribed = Subscribed(1, 30);
  subscribed.set_missed(2);
  EXPECT_TRUE(table.OnSubscribed(subscribed));
  EXPECT_EQ(table.OnPublication(Publication(20, 10)), Verdict::kDeliver) << "older than the head";
  EXPECT_EQ(table.OnPublication(Publication(30, 25)), Verdict::kMissed) << "the chain counts again";
  EXPECT_EQ(AskAgain(table)->since().offset(), 20u);
}

TEST(ResumeTableTest, WithNoneOfTheNewestPublicationsTheHeadIsThePosition) {
  ResumeTable table;
  table.Add("g", 1, {.last = 2});
  (void)Ask(table);
  EXPECT_TRUE(table.OnSubscribed(Subscribed(1, 30)));
  EXPECT_EQ(table.OnPublication(Publication(31, 30)), Verdict::kDeliver);
  EXPECT_EQ(AskAgain(table)->since().offset(), 31u);
}

TEST(ResumeTableTest, ALinkLostBeforeTheNewestPublicationsAsksForAllThatIsHeld) {
  ResumeTable table;
  table.Add("g", 1, {.last = 2});
  (void)Ask(table);
  v1::Subscribed subscribed = Subscribed(1, 30);
  subscribed.set_missed(2);
  table.OnSubscribed(subscribed);
  const auto again = AskAgain(table);
  EXPECT_EQ(again->since().epoch(), "e");
  EXPECT_EQ(again->since().offset(), 0u);
  table.OnSubscribed(subscribed);
  EXPECT_EQ(table.OnPublication(Publication(3, 0)), Verdict::kDeliver);
}

TEST(ResumeTableTest, AGapMovesThePositionIntoTheNewEpoch) {
  ResumeTable table;
  table.Add("g", 1, {StreamPosition{"old", 100}, 0});
  (void)Ask(table);
  table.OnSubscribed(Subscribed(1, 7, "new"));
  v1::Gap gap;
  gap.set_group_id("g");
  gap.set_epoch("new");
  gap.set_after(100);
  gap.set_before(5);
  EXPECT_TRUE(table.OnGap(gap));
  EXPECT_EQ(table.OnPublication(Publication(5, 0)), Verdict::kDeliver);
  EXPECT_EQ(AskAgain(table)->since().epoch(), "new");
}

TEST(ResumeTableTest, AnswersToAnEarlierSubscriptionAreNotTakenForTheNewOne) {
  ResumeTable table;
  table.Add("g", 1, {});
  (void)Ask(table);
  table.Remove("g");
  table.Add("g", 2, {});
  (void)Ask(table);
  EXPECT_FALSE(table.OnSubscribed(Subscribed(1, 10)));
  EXPECT_EQ(table.OnPublication(Publication(11, 10)), Verdict::kDrop);
  EXPECT_TRUE(table.OnSubscribed(Subscribed(2, 11)));
  EXPECT_EQ(table.OnPublication(Publication(12, 11)), Verdict::kDeliver);
}

PublishQueue::Entry Entry(const std::string& record) {
  return {.record = record, .token = 0, .since = {}};
}

TEST(PublishQueueTest, UnansweredRecordsAreSentAgainAfterALostLink) {
  PublishQueue queue;
  for (const char* record : {"a", "b", "c", "d"}) queue.Push(Entry(record));
  std::string sent;
  queue.TakeUnsent(/*bytes_max=*/3, /*sent_max=*/100, {}, &sent);
  EXPECT_EQ(sent, "abc");
  queue.PopFront();
  queue.MarkAllUnsent();
  sent.clear();
  queue.TakeUnsent(100, 100, {}, &sent);
  EXPECT_EQ(sent, "bcd");
  EXPECT_FALSE(queue.has_unsent());
}

TEST(PublishQueueTest, ARecordOverTheBlockSizeGoesAlone) {
  PublishQueue queue;
  queue.Push(Entry("a long record"));
  queue.Push(Entry("b"));
  std::string sent;
  queue.TakeUnsent(/*bytes_max=*/3, 100, {}, &sent);
  EXPECT_EQ(sent, "a long record");
}

TEST(PublishQueueTest, AtMostSoManyAreUnanswered) {
  PublishQueue queue;
  for (int i = 0; i < 5; ++i) queue.Push(Entry("x"));
  std::string sent;
  queue.TakeUnsent(100, /*sent_max=*/2, {}, &sent);
  queue.TakeUnsent(100, /*sent_max=*/2, {}, &sent);
  EXPECT_EQ(sent, "xx");
  queue.PopFront();
  queue.TakeUnsent(100, 2, {}, &sent);
  EXPECT_EQ(sent, "xxx");
}

TEST(PublishQueueTest, ALinkIsNotDeadForTheTimeBeforeItCameUp) {
  using Overdue = PublishQueue::Verdict;
  using std::chrono::milliseconds;
  constexpr milliseconds kTimeout{10'000};
  const SteadyTime start{};
  PublishQueue queue;
  queue.Push(Entry("x"));
  EXPECT_EQ(queue.JudgeFront(start + kTimeout, kTimeout), Overdue::kInTime);
  EXPECT_EQ(queue.JudgeFront(start + kTimeout + milliseconds(1), kTimeout), Overdue::kGiveUp);
  std::string sent;
  queue.TakeUnsent(100, 100, start + kTimeout - milliseconds(1), &sent);
  EXPECT_EQ(queue.JudgeFront(start + kTimeout + milliseconds(1), kTimeout), Overdue::kInTime)
      << "it was sent 2 ms ago";
  EXPECT_EQ(queue.JudgeFront(start + kTimeout + PublishQueue::kAnswerPatience, kTimeout),
            Overdue::kLinkDead);
  queue.MarkAllUnsent();
  EXPECT_EQ(queue.JudgeFront(start + kTimeout + milliseconds(1), kTimeout), Overdue::kGiveUp);
}

}  // namespace
}  // namespace channel
