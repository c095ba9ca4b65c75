// Which gaps members are told of: only what is proven for each one's own position, and nothing
// less.
#include <gtest/gtest.h>

#include "tests/unit/ws_edge/groups_fixture.h"

namespace edge {
namespace {

class GroupTest : public GroupsFixture {
 protected:
  static std::string Join(int id, uint64_t since) {
    return R"({"id":)" + std::to_string(id) +
           R"(,"cmd":"add_group","group_id":"g","since":{"epoch":"e","offset":)" +
           std::to_string(since) + "}}";
  }
  static std::string Last(int id, int last) {
    return R"({"id":)" + std::to_string(id) + R"(,"cmd":"add_group","group_id":"g","last":)" +
           std::to_string(last) + "}";
  }
  static constexpr std::string_view kJoin = R"({"id":1,"cmd":"add_group","group_id":"g"})";
  static constexpr std::string_view kHistory =
      R"({"id":2,"cmd":"history","group_id":"g","since":{"epoch":"e","offset":0}})";

  // A member at 10, and a history that makes the edge ask from 0.
  void BeginAtTenAndLookBack() {
    live_.Say(kJoin);
    Confirm("g", 10);
    EXPECT_EQ(live_.Told(), (Strings{"ok 1 offset=10 recovered=true"}));
    live_.Say(kHistory);
    ASSERT_EQ(AskedLast(), "since 0");
  }

  FakeClient live_{*this, /*enveloped=*/true};
};

TEST_F(GroupTest, AMemberThatWasSlowWhileItJoinedGetsTheRest) {
  live_.Say(kJoin);
  Confirm("g", 0);
  for (uint64_t offset = 1; offset <= 3; ++offset) Publish("g", offset, offset - 1);
  limits_.session_queue_bytes_max = 400;
  FakeClient slow(*this, /*enveloped=*/true);
  slow.SetReading(false);
  slow.Say(Join(3, 0));
  slow.Read();
  EXPECT_EQ(slow.Told(), (Strings{"ok 3 offset=3 recovered=true", "message m1 offset=1"}));
  slow.SetReading(true);
  Tick(std::chrono::milliseconds(100));
  EXPECT_EQ(slow.Told(), (Strings{"message m2 offset=2", "message m3 offset=3"}));
}

TEST_F(GroupTest, AHistoryTellsTheHeadOfAGroupWithoutPublications) {
  live_.Say(kJoin);
  Confirm("g", 2);
  EXPECT_EQ(live_.Told(), (Strings{"ok 1 offset=2 recovered=true"}));
  live_.Say(R"({"id":2,"cmd":"history","group_id":"g"})");
  Confirm("g", 2);
  EXPECT_EQ(live_.Told(), (Strings{"ok 2 offset=2 recovered=true publications=0"}));
}

TEST_F(GroupTest, ALastThatGetsLessThanThereWasIsToldSo) {
  live_.Say(Last(1, 3));
  ASSERT_EQ(AskedLast(), "last 3");
  ConfirmWithGap("g", 20, 0, 20, /*due=*/1);
  Publish("g", 20, 19);
  const Strings fewer{"ok 1 offset=20 recovered=false", "gap after=0 before=20 reason=retention",
                      "message m20 offset=20"};
  EXPECT_EQ(live_.Told(), fewer);
  // The edge answers from its ring as the service would.
  FakeClient second(*this, true);
  second.Say(Last(1, 2));
  EXPECT_EQ(second.Told(), fewer);
  Publish("g", 21, 20);
  second.Told();
  second.Say(Last(2, 2));
  EXPECT_EQ(second.Told(), (Strings{"ok 2 offset=21 recovered=true", "message m20 offset=20",
                                    "message m21 offset=21"}));
  EXPECT_EQ(upstream_.asked().size(), 1u);
}

TEST_F(GroupTest, ALastThatGetsNothingOfWhatThereWasIsToldSo) {
  live_.Say(Last(1, 3));
  ConfirmWithGap("g", 20, 0, 21);
  EXPECT_EQ(live_.Told(),
            (Strings{"ok 1 offset=20 recovered=false", "gap after=0 before=21 reason=retention"}));
}

TEST_F(GroupTest, ALastThatGetsAllThatThereEverWasIsWhole) {
  live_.Say(Last(1, 3));
  Confirm("g", 20, true, /*due=*/1);
  Publish("g", 20, 0);
  const Strings all{"ok 1 offset=20 recovered=true", "message m20 offset=20"};
  EXPECT_EQ(live_.Told(), all);
  FakeClient second(*this, true);
  second.Say(Last(1, 2));
  EXPECT_EQ(second.Told(), all);
}

TEST_F(GroupTest, ALastInAGroupWithoutPublicationsIsWhole) {
  live_.Say(Last(1, 3));
  Confirm("g", 20);
  EXPECT_EQ(live_.Told(), (Strings{"ok 1 offset=20 recovered=true"}));
  FakeClient second(*this, true);
  second.Say(Last(1, 2));
  EXPECT_EQ(second.Told(), (Strings{"ok 1 offset=20 recovered=true"}));
}

TEST_F(GroupTest, ALastOfMembersThatFollowAsksWhatThereWas) {
  live_.Say(kJoin);
  Confirm("g", 10);
  Publish("g", 11, 10);
  live_.Told();
  FakeClient second(*this, true);
  second.Say(Last(1, 5));
  ASSERT_EQ(AskedLast(), "since 0");
  ConfirmWithGap("g", 11, 0, 10, /*due=*/2);
  Publish("g", 10, 9);
  Publish("g", 11, 10);
  EXPECT_EQ(second.Told(),
            (Strings{"ok 1 offset=11 recovered=false", "gap after=0 before=10 reason=retention",
                     "message m10 offset=10", "message m11 offset=11"}));
  EXPECT_EQ(live_.Told(), Strings{});
}

// The gap of a new log proves nothing about what that log has lost.
TEST_F(GroupTest, ALastInANewLogAsksWhatThereWas) {
  live_.Say(kJoin);
  Confirm("g", 10);
  live_.Told();
  upstream_.Lose();
  upstream_.Reconnect();
  upstream_.Confirm("g", 7, /*recovered=*/false, /*due=*/0, "f");
  upstream_.GiveGap("g", 10, 8, channel::v1::GAP_REASON_EPOCH, "f");
  EXPECT_EQ(live_.Told(), (Strings{"gap after=10 before=8 reason=epoch"}));
  FakeClient second(*this, true);
  second.Say(Last(1, 5));
  Tick(kSweepInterval);
  ASSERT_EQ(AskedLast(), "since 0");
  upstream_.Confirm("g", 7, /*recovered=*/false, /*due=*/0, "f");
  upstream_.GiveGap("g", 0, 8, channel::v1::GAP_REASON_RETENTION, "f");
  Settle();
  EXPECT_EQ(second.Told(),
            (Strings{"ok 1 offset=7 recovered=false", "gap after=0 before=8 reason=retention"}));
}

TEST_F(GroupTest, AGapThatIsOlderThanAMembersPositionIsNotItsOwn) {
  BeginAtTenAndLookBack();
  ConfirmWithGap("g", 10, 0, 11);
  EXPECT_EQ(live_.Told(), (Strings{"ok 2 offset=10 recovered=false publications=0"}));
}

TEST_F(GroupTest, AGapThatReachesBeyondAPositionIsAskedForAgainFromThere) {
  BeginAtTenAndLookBack();
  ConfirmWithGap("g", 20, 0, 20, /*due=*/1);
  Publish("g", 20, 19);
  EXPECT_EQ(live_.Told(), (Strings{"ok 2 offset=20 recovered=false publications=1"}))
      << "whether something was published after 10 is not known yet";
  ASSERT_EQ(AskedLast(), "since 10");
  Confirm("g", 20, true, /*due=*/1);
  Publish("g", 20, 10);
  Publish("g", 21, 20);
  EXPECT_EQ(live_.Told(), (Strings{"message m20 offset=20", "message m21 offset=21"}));
  EXPECT_EQ(metrics_.gaps_announced.Value(), 0);
  EXPECT_EQ(metrics_.unannounced_positions.Value(), 0);
}

TEST_F(GroupTest, AGapThatIsProvenForTheMembersPositionIsAnnounced) {
  BeginAtTenAndLookBack();
  ConfirmWithGap("g", 20, 0, 20, /*due=*/1);
  Publish("g", 20, 19);
  ASSERT_EQ(AskedLast(), "since 10");
  ConfirmWithGap("g", 20, 10, 20, /*due=*/1);
  Publish("g", 20, 19);
  EXPECT_EQ(live_.Told(),
            (Strings{"ok 2 offset=20 recovered=false publications=1",
                     "gap after=10 before=20 reason=retention", "message m20 offset=20"}));
}

TEST_F(GroupTest, AResumptionFromTheMembersPositionProvesItsGapAtOnce) {
  live_.Say(kJoin);
  Confirm("g", 10);
  (void)live_.Told();
  upstream_.Lose();
  upstream_.Reconnect();
  ConfirmWithGap("g", 20, 10, 20);
  EXPECT_EQ(live_.Told(), (Strings{"gap after=10 before=20 reason=retention"}));
  EXPECT_EQ(upstream_.asked().size(), 2u) << "the same question on each link";
}

TEST_F(GroupTest, AGapOfThisLogForAReasonOfANewerServiceIsAnnounced) {
  live_.Say(kJoin);
  Confirm("g", 3);
  live_.Told();
  upstream_.Lose();
  upstream_.Reconnect();
  upstream_.Confirm("g", 12, /*recovered=*/false, /*due=*/0);
  upstream_.GiveGap("g", 3, 11, static_cast<channel::v1::GapReason>(77));
  EXPECT_EQ(live_.Told(), (Strings{"gap after=3 before=11 reason=retention"}));
  Publish("g", 11, 10);
  EXPECT_EQ(live_.Told(), (Strings{"message m11 offset=11"}));
}

TEST_F(GroupTest, EachOfThoseWhoComeBackIsToldOfItsOwnGap) {
  FakeClient early(*this, true);
  FakeClient late(*this, true);
  early.Say(Join(1, 5));
  late.Say(Join(1, 10));
  ASSERT_EQ(AskedLast(), "since 5");
  ConfirmWithGap("g", 20, 5, 20, /*due=*/1);
  Publish("g", 20, 19);
  EXPECT_EQ(early.Told(),
            (Strings{"ok 1 offset=20 recovered=false", "gap after=5 before=20 reason=retention",
                     "message m20 offset=20"}));
  EXPECT_EQ(late.Told(), Strings{});
  Tick(kSweepInterval);
  ASSERT_EQ(AskedLast(), "since 10");
  Confirm("g", 20, true, /*due=*/1);
  Publish("g", 20, 10);
  EXPECT_EQ(late.Told(), (Strings{"ok 1 offset=20 recovered=true", "message m20 offset=20"}));
  // The edge remembers what it found out.
  FakeClient again(*this, true);
  again.Say(Join(1, 5));
  again.Say(Join(2, 12));
  EXPECT_EQ(
      again.Told(),
      (Strings{"ok 1 offset=20 recovered=false", "gap after=5 before=11 reason=retention",
               "message m20 offset=20", "ok 2 offset=20 recovered=true", "message m20 offset=20"}));
  EXPECT_EQ(upstream_.asked().size(), 2u);
}

// A node that is behind tells an older head than the position that the edge subscribed from.
TEST_F(GroupTest, AMemberThatJoinsBeginsWhereTheSubscriptionBegins) {
  live_.Say(Join(1, 14));
  ASSERT_EQ(AskedLast(), "since 14");
  channel::v1::SubscribeResponse batch;
  channel::v1::Subscribed& subscribed = *batch.add_events()->mutable_subscribed();
  subscribed.set_group_id("g");
  subscribed.set_tag(upstream_.TagOf("g"));
  subscribed.set_epoch("e");
  subscribed.set_offset(10);
  subscribed.set_newest(20);
  subscribed.set_recovered(true);
  upstream_.Give(batch);
  FakeClient late(*this, true);
  late.Say(kJoin);
  Publish("g", 21, 14);
  const Strings both = {"ok 1 offset=14 recovered=true", "message m21 offset=21"};
  EXPECT_EQ(live_.Told(), both);
  EXPECT_EQ(late.Told(), both);
}

// How many publications are held.
class GroupTestWithHistory : public GroupTest, public ::testing::WithParamInterface<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(OneOrMoreThanAnEdgeKeeps, GroupTestWithHistory,
                         ::testing::Values(1, kRecentPublicationsMax + 44));

TEST_P(GroupTestWithHistory, ManyPositionsAreJudgedWithFewQuestions) {
  constexpr uint64_t kClients = 16;
  const auto held = static_cast<uint32_t>(GetParam());
  const uint64_t head = 40 + held - 1;
  std::vector<std::unique_ptr<FakeClient>> clients;
  for (uint64_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<FakeClient>(*this, true));
    clients.back()->Say(Join(1, 5 + i));
  }
  // The last publication that is gone was at 12.
  size_t answered = 0;
  std::vector<std::string> first_words;
  while (answered < kClients && upstream_.asked().size() < kClients) {
    const uint64_t since = upstream_.asked().back().since().offset();
    if (since < 12) {
      ConfirmWithGap("g", head, since, 40, held);
    } else {
      Confirm("g", head, true, held);
    }
    for (uint64_t offset = 40; offset <= head; ++offset) {
      Publish("g", offset, offset > 40 ? offset - 1 : since < 12 ? 39 : since);
    }
    Tick(kSweepInterval);
    for (uint64_t i = 0; i < kClients; ++i) {
      const Strings told = clients[i]->Told();
      if (told.empty() || !told[0].starts_with("ok")) continue;  // more of what it misses
      ++answered;
      EXPECT_EQ(told[0], "ok 1 offset=" + std::to_string(head) +
                             " recovered=" + (5 + i < 12 ? "false" : "true"));
    }
  }
  EXPECT_EQ(answered, kClients);
  EXPECT_LE(upstream_.asked().size(), 6u);
}

TEST_F(GroupTest, TheNewestPublicationsProveNothingAboutOlderPositions) {
  live_.Say(R"({"id":1,"cmd":"add_group","group_id":"g","last":5})");
  ASSERT_EQ(AskedLast(), "last 5");
  Confirm("g", 20, true, /*due=*/1);
  Publish("g", 20, 0);  // the one before it is not known
  (void)live_.Told();
  FakeClient back(*this, true);
  back.Say(Join(1, 5));
  EXPECT_EQ(back.Told(), Strings{});
  ASSERT_EQ(AskedLast(), "since 5");
  ConfirmWithGap("g", 20, 5, 20, /*due=*/1);
  Publish("g", 20, 19);
  EXPECT_EQ(back.Told(),
            (Strings{"ok 1 offset=20 recovered=false", "gap after=5 before=20 reason=retention",
                     "message m20 offset=20"}));
}

}  // namespace
}  // namespace edge
