// The checker finds what is planted, and accepts what is allowed.

#include "tests/faults/checker.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace faults {
namespace {

using Kind = MemberEvent::Kind;

constexpr int kPublications = 10;
constexpr std::uint64_t kStep = 3;  // offsets are not dense

std::uint64_t OffsetOf(std::uint32_t number) { return 100 + kStep * number; }

MemberEvent Joined(Position at) {
  MemberEvent event;
  event.kind = Kind::kJoined;
  event.at = at;
  return event;
}

MemberEvent Resumed(bool recovered, Position head) {
  MemberEvent event;
  event.kind = Kind::kResumed;
  event.recovered = recovered;
  event.at = head;
  return event;
}

MemberEvent Message(MessageId id, Position at, std::uint64_t previous) {
  MemberEvent event;
  event.at = at;
  event.previous = previous;
  event.id = id;
  return event;
}

MemberEvent Gap(std::uint64_t after, Position before, GapReason reason = GapReason::kRetention) {
  MemberEvent event;
  event.kind = Kind::kGap;
  event.previous = after;
  event.at = before;
  event.reason = reason;
  return event;
}

MemberEvent Plain(Kind kind) {
  MemberEvent event;
  event.kind = kind;
  return event;
}

PublicationLog Acknowledged(MessageId id, const std::string& group, Position at) {
  PublicationLog publication;
  publication.id = id;
  publication.group = group;
  publication.acknowledged = true;
  publication.position = at;
  return publication;
}

// Two members of group "a" that saw all of sender 1's publications 1 … 10, all acknowledged.
class CheckerTest : public ::testing::Test {
 protected:
  CheckerTest() {
    history_.members = {{"one", "a", {Joined({0, 100})}}, {"two", "a", {Joined({0, 100})}}};
    for (std::uint32_t number = 1; number <= kPublications; ++number) {
      const MessageId id{1, number};
      history_.publications.push_back(Acknowledged(id, "a", {0, OffsetOf(number)}));
      for (MemberLog& member : history_.members) {
        member.events.push_back(Message(id, {0, OffsetOf(number)}, OffsetOf(number - 1)));
      }
    }
  }

  std::vector<MemberEvent>& one() { return history_.members[0].events; }
  // The event of publication `number` at member one.
  std::vector<MemberEvent>::iterator at(std::uint32_t number) { return one().begin() + number; }
  // Publications first … last did not reach member one.
  void Lose(std::uint32_t first, std::uint32_t last) { one().erase(at(first), at(last) + 1); }

  Verdict Judge() { return Check(history_, options_); }
  // The only kind of defect, so often.
  void ExpectOnly(std::uint64_t Verdict::*count, std::uint64_t times) {
    Verdict verdict = Judge();
    EXPECT_EQ(verdict.*count, times) << verdict.Summary();
    EXPECT_EQ(verdict.problems.size(), times);
    verdict.*count = 0;
    EXPECT_TRUE(verdict.ok()) << verdict.Summary();
  }
  void ExpectGood() {
    const Verdict verdict = Judge();
    EXPECT_TRUE(verdict.ok()) << verdict.Summary() << "\n"
                              << (verdict.problems.empty() ? "" : verdict.problems[0]);
  }

  History history_;
  CheckOptions options_;
};

TEST_F(CheckerTest, AcceptsAGoodHistoryAndCounts) {
  ExpectGood();
  EXPECT_EQ(Judge().Summary(),
            "publications=10 acknowledged=10 delivered=20 duplicates=0 reordered=0 lost=0 "
            "unannounced=0 never_sent=0 foreign=0 overclaimed=0 gaps=0 in_gaps=0 "
            "repeats_dropped=0");
}

TEST_F(CheckerTest, FindsALossInTheMiddleAndItsHoleInTheChain) {
  Lose(4, 5);
  const Verdict verdict = Judge();
  EXPECT_EQ(verdict.lost, 2u);
  EXPECT_EQ(verdict.unannounced, 1u);
  EXPECT_EQ(verdict.problems.size(), 3u);
}

TEST_F(CheckerTest, FindsALossThatTheChainHides) {
  Lose(4, 4);
  at(4)->previous = OffsetOf(3);
  ExpectOnly(&Verdict::lost, 1);
}

TEST_F(CheckerTest, FindsALossAtTheEnd) {
  Lose(9, 10);
  ExpectOnly(&Verdict::lost, 2);
}

TEST_F(CheckerTest, AcceptsThatTheUnacknowledgedIsDeliveredToSomeOnly) {
  Lose(10, 10);
  history_.publications.back().acknowledged = false;
  ExpectGood();
}

TEST_F(CheckerTest, FindsTheUnacknowledgedDeliveredTwice) {
  history_.publications.back().acknowledged = false;
  one().push_back(one().back());
  ExpectOnly(&Verdict::duplicates, 1);
}

TEST_F(CheckerTest, AcceptsALossInsideAnAnnouncedGap) {
  Lose(4, 6);
  one().insert(at(4), Gap(OffsetOf(3), {0, OffsetOf(7)}));
  options_.exact_gaps = true;
  ExpectGood();
  EXPECT_EQ(Judge().in_gaps, 3u);
}

TEST_F(CheckerTest, FindsALossJustOutsideAnAnnouncedGap) {
  Lose(4, 7);
  one().insert(at(4), Gap(OffsetOf(3), {0, OffsetOf(7)}));
  const Verdict verdict = Judge();
  EXPECT_EQ(verdict.lost, 1u);
  EXPECT_EQ(verdict.unannounced, 1u);
}

TEST_F(CheckerTest, FindsALossBetweenThePositionAndTheGap) {
  Lose(4, 6);
  one().insert(at(4), Gap(OffsetOf(4), {0, OffsetOf(7)}));
  const Verdict verdict = Judge();
  EXPECT_EQ(verdict.lost, 1u);
  EXPECT_EQ(verdict.unannounced, 1u);
}

TEST_F(CheckerTest, FindsAGapThatClaimsWhatHadComeIfExactnessIsAskedFor) {
  Lose(4, 6);
  one().insert(at(4), Gap(OffsetOf(2), {0, OffsetOf(7)}));
  ExpectGood();
  options_.exact_gaps = true;
  ExpectOnly(&Verdict::overclaimed, 2);  // it begins too early, and holds publication 3
}

TEST_F(CheckerTest, FindsAGapWhereNothingIsMissing) {
  one().insert(at(4), Gap(OffsetOf(3), {0, OffsetOf(4)}));
  ExpectOnly(&Verdict::overclaimed, 1);
  // Something that may be in the log, nobody knows where, may lie in it.
  history_.publications.push_back({});
  history_.publications.back().id = {1, kPublications + 1};
  history_.publications.back().group = "a";
  ExpectGood();
}

TEST_F(CheckerTest, FindsAGapThatIsAnothersAtAMemberThatMissesNothing) {
  Lose(1, 3);
  one().insert(at(1), Gap(100, {0, OffsetOf(4)}));
  auto& two = history_.members[1].events;
  two.insert(two.begin() + 4, Gap(100, {0, OffsetOf(4)}));  // it has the three
  ExpectOnly(&Verdict::overclaimed, 1);
}

TEST_F(CheckerTest, FindsAMessageThatAGapHadGivenUp) {
  Lose(4, 5);
  one().insert(at(4), Gap(OffsetOf(3), {0, OffsetOf(8)}));  // 6 and 7 come after all
  const Verdict verdict = Judge();
  EXPECT_EQ(verdict.reordered, 2u);
}

TEST_F(CheckerTest, FindsADuplicate) {
  one().insert(at(6), *at(5));
  ExpectOnly(&Verdict::duplicates, 1);
}

TEST_F(CheckerTest, FindsAMessagePublishedTwice) {
  const Position again{0, OffsetOf(kPublications) + 1};
  for (MemberLog& member : history_.members) {
    member.events.push_back(Message({1, 2}, again, OffsetOf(kPublications)));
  }
  ExpectOnly(&Verdict::duplicates, 3);  // at the position, and at both members
}

TEST_F(CheckerTest, FindsASwapAtOneMember) {
  std::swap(*at(4), *at(5));
  const Verdict verdict = Judge();
  EXPECT_EQ(verdict.reordered, 1u);
  EXPECT_EQ(verdict.unannounced, 1u);  // 5 came where 4 was due
}

TEST_F(CheckerTest, FindsThatTwoMembersSawTwoOrders) {
  history_.publications[3].acknowledged = history_.publications[4].acknowledged = false;
  std::swap(at(4)->id, at(5)->id);
  EXPECT_GT(Judge().reordered, 0u);
}

TEST_F(CheckerTest, FindsThatAnAnswerNamesAnotherPosition) {
  std::swap(history_.publications[3].position, history_.publications[4].position);
  EXPECT_GT(Judge().reordered, 0u);
}

TEST_F(CheckerTest, FindsASendersOrderBrokenForAll) {
  std::swap(history_.publications[3].position, history_.publications[4].position);
  for (MemberLog& member : history_.members) std::swap(member.events[4].id, member.events[5].id);
  ExpectOnly(&Verdict::reordered, 1);
  // Sent again after an error: no order was promised.
  history_.publications[3].sent_again = true;
  ExpectGood();
}

TEST_F(CheckerTest, FindsTheOrderOfOneConnectionBrokenAndOfTwoOnlyWithKeys) {
  std::swap(history_.publications[3].position, history_.publications[4].position);
  for (MemberLog& member : history_.members) std::swap(member.events[4].id, member.events[5].id);
  // The fourth was sent on the first connection, which was lost, the fifth on the second.
  for (PublicationLog& publication : history_.publications) {
    publication.connection = publication.id.number <= 4 ? 1 : 2;
  }
  ExpectOnly(&Verdict::reordered, 1);
  for (PublicationLog& publication : history_.publications) publication.keyed = false;
  ExpectGood();
  history_.publications[4].connection = 1;
  ExpectOnly(&Verdict::reordered, 1);
}

TEST_F(CheckerTest, FindsWhatNobodySent) {
  at(4)->id.reset();
  history_.publications[3].acknowledged = false;
  ExpectOnly(&Verdict::never_sent, 1);
  at(4)->id = MessageId{7, 7};
  EXPECT_EQ(Judge().never_sent, 1u);
}

TEST_F(CheckerTest, FindsAMessageOfAnotherGroup) {
  history_.publications.push_back(Acknowledged({2, 1}, "b", {0, 1000}));
  one().push_back(Message({2, 1}, {0, 1000}, 0));
  ExpectOnly(&Verdict::foreign, 1);
}

TEST_F(CheckerTest, AcceptsAResumeWithoutAHole) {
  one().insert(at(5), {Plain(Kind::kConnectionLost), Resumed(true, {0, OffsetOf(10)})});
  ExpectGood();
}

TEST_F(CheckerTest, FindsThatNoGapFollowsWhatWasNotRecovered) {
  one().insert(at(5), {Plain(Kind::kConnectionLost), Resumed(false, {0, OffsetOf(10)})});
  ExpectOnly(&Verdict::unannounced, 1);
}

// Member one sees 1 … 7 in epoch 0, then the log begins anew; 8 … 10 are in epoch 1.
class CheckerEpochTest : public CheckerTest {
 protected:
  CheckerEpochTest() {
    for (std::uint32_t number = 8; number <= kPublications; ++number) {
      history_.publications[number - 1].position = {1, number};
      for (MemberLog& member : history_.members) {
        member.events[number] = Message({1, number}, {1, number}, number - 1);
      }
    }
    for (MemberLog& member : history_.members) {
      member.events.insert(member.events.begin() + 8, Gap(OffsetOf(7), {1, 8}, GapReason::kEpoch));
    }
  }
};

TEST_F(CheckerEpochTest, AcceptsAnAnnouncedNewEpochAlsoWhereNothingWasMissed) {
  options_.exact_gaps = true;
  ExpectGood();
}

TEST_F(CheckerEpochTest, AcceptsThatTheOldEpochsEndIsLostBehindTheGap) {
  Lose(6, 7);
  at(6)->previous = OffsetOf(5);
  ExpectGood();
  EXPECT_EQ(Judge().in_gaps, 2u);
}

TEST_F(CheckerEpochTest, FindsALossOfTheOldEpochBeforeTheGap) {
  Lose(6, 7);  // the gap still says: after 7
  const Verdict verdict = Judge();
  EXPECT_EQ(verdict.lost, 2u);
  EXPECT_EQ(verdict.unannounced, 1u);
}

TEST_F(CheckerEpochTest, FindsANewEpochThatNobodyAnnounced) {
  one().erase(at(8));
  ExpectOnly(&Verdict::unannounced, 1);
}

TEST_F(CheckerEpochTest, AcceptsARepeatThatTheClientKnewByItsKeyAndFindsOneThatItDidNot) {
  // Publication 7 was not answered in epoch 0, and is published again as the first one of epoch 1.
  history_.publications[6].position = {1, 7};
  for (MemberLog& member : history_.members) {
    member.events[8].at.offset = 7;
    MemberEvent repeat = Message({1, 7}, {1, 7}, 0);
    repeat.dropped = true;
    member.events.insert(member.events.begin() + 9, repeat);
  }
  ExpectGood();
  EXPECT_EQ(Judge().repeats_dropped, 2u);
  at(9)->dropped = false;
  ExpectOnly(&Verdict::duplicates, 1);
}

TEST_F(CheckerTest, StrangersMayPublishButTheirPublicationsAreLinksOfTheChain) {
  options_.strangers_publish = true;
  for (MemberLog& member : history_.members) {
    MemberEvent stranger = Message({}, {0, OffsetOf(4) + 1}, OffsetOf(4));
    stranger.id.reset();
    member.events.insert(member.events.begin() + 5, stranger);
    member.events[6].previous = OffsetOf(4) + 1;
  }
  ExpectGood();
  EXPECT_EQ(Judge().delivered, 20u);
  one().erase(at(5));
  ExpectOnly(&Verdict::unannounced, 1);
  one().insert(at(5), Gap(OffsetOf(4), {0, OffsetOf(4) + 2}));
  ExpectGood();
}

TEST_F(CheckerTest, FindsAClientThatHidesADuplicateOfTheSameEpoch) {
  at(5)->dropped = true;
  const Verdict verdict = Judge();
  EXPECT_EQ(verdict.duplicates, 1u);
  EXPECT_EQ(verdict.lost, 1u);
}

TEST(Body, ProvesItself) {
  const MessageId id{12, 345};
  for (const std::size_t bytes : {0, 100}) {
    const std::string body = BodyOf(id, bytes);
    EXPECT_GE(body.size(), bytes);
    EXPECT_EQ(ParseBody(body), id);
    for (std::size_t i = 0; i < body.size(); ++i) {
      std::string changed = body;
      changed[i] ^= 1;
      EXPECT_EQ(ParseBody(changed), std::nullopt) << changed;
    }
  }
  EXPECT_EQ(ParseBody(""), std::nullopt);
  EXPECT_EQ(ParseBody("12:345:"), std::nullopt);
}

}  // namespace
}  // namespace faults
