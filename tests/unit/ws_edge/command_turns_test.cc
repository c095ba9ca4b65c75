// Answers come in the order of the commands of their group, whatever is answered first.
#include <gtest/gtest.h>

#include "tests/unit/ws_edge/groups_fixture.h"

namespace edge {
namespace {

class CommandTurnsTest : public GroupsFixture {
 protected:
  void Do(std::string_view command, std::string_view more = "") {
    client_.Say(R"({"id":)" + std::to_string(++last_id_) + R"(,"cmd":")" + std::string(command) +
                R"(","group_id":"g")" + std::string(more) + "}");
  }
  void Join() { Do("add_group"); }
  void Leave() { Do("leave_group"); }
  void Send() { Do("send_to_group", R"(,"message":"m)" + std::to_string(last_id_ + 1) + '"'); }
  void LookBack() { Do("history", R"(,"since":{"epoch":"e","offset":0})"); }
  Strings Told() { return client_.Told(); }
  const Strings& Published() { return upstream_.published(); }

  FakeClient client_{*this, /*enveloped=*/true};
  int last_id_ = 0;
};

TEST_F(CommandTurnsTest, EachCommandFindsWhatTheOneBeforeItMade) {
  Join();   // 1
  Send();   // 2
  Leave();  // 3
  Join();   // 4
  Send();   // 5
  EXPECT_EQ(Told(), Strings{});
  EXPECT_EQ(Published(), Strings{});
  Confirm("g", 10);
  EXPECT_EQ(Told(), (Strings{"ok 1 offset=10 recovered=true"}));
  EXPECT_EQ(Published(), (Strings{"g:m2"}));
  AnswerSend(11);
  EXPECT_EQ(Told(), (Strings{"ok 2 offset=11", "ok 3"}));
  ASSERT_EQ(upstream_.asked().size(), 2u);
  Confirm("g", 11);
  AnswerSend(12);
  EXPECT_EQ(Told(), (Strings{"ok 4 offset=11 recovered=true", "ok 5 offset=12"}));
  EXPECT_EQ(Published(), (Strings{"g:m2", "g:m5"}));
}

TEST_F(CommandTurnsTest, WhileTheServiceIsAwayAllIsAnsweredInTimeAndInOrder) {
  Join();   // 1
  Send();   // 2
  Leave();  // 3
  Join();   // 4
  LookBack();
  Send();  // 6
  Tick(limits_.publish_timeout);
  EXPECT_EQ(Told(), Strings{});
  Tick(std::chrono::milliseconds(1));
  Tick(std::chrono::milliseconds(1));
  EXPECT_EQ(Told(), (Strings{"error 1 unavailable", "error 2 unavailable", "error 3 not_joined",
                             "error 4 unavailable", "error 5 not_joined", "error 6 unavailable"}));
  EXPECT_EQ(metrics_.memberships.Value(), 0);
}

TEST_F(CommandTurnsTest, ASendBehindAJoinThatFailsGoesOn) {
  Join();  // 1
  Tick(limits_.publish_timeout);
  Send();  // 2
  Tick(std::chrono::milliseconds(1));
  EXPECT_EQ(Told(), (Strings{"error 1 unavailable"}));
  EXPECT_EQ(Published(), (Strings{"g:m2"}));
  AnswerSend(11);
  EXPECT_EQ(Told(), (Strings{"ok 2 offset=11"}));
}

TEST_F(CommandTurnsTest, AHistoryIsNotOvertaken) {
  Join();  // 1
  Confirm("g", 10);
  LookBack();                     // 2: asked of the service
  Do("history", R"(,"last":1)");  // 3
  Join();                         // 4
  Send();                         // 5
  Leave();                        // 6
  Do("history", R"(,"last":1)");  // 7
  EXPECT_EQ(Told(), (Strings{"ok 1 offset=10 recovered=true"}));
  Confirm("g", 10, true, /*due=*/2);
  Publish("g", 5, 0);
  Publish("g", 10, 5);
  EXPECT_EQ(Told(), (Strings{"ok 2 offset=10 recovered=true publications=2",
                             "ok 3 offset=10 recovered=true publications=1",
                             "ok 4 offset=10 recovered=true"}));
  AnswerSend(11);
  EXPECT_EQ(Told(), (Strings{"ok 5 offset=11", "ok 6", "error 7 not_joined"}));
}

TEST_F(CommandTurnsTest, SendsAreNotHeldUpByAHistoryButTheirAnswersAre) {
  Join();  // 1
  Confirm("g", 10);
  LookBack();  // 2
  Send();      // 3
  EXPECT_EQ(Published(), (Strings{"g:m3"}));
  AnswerSend(11);
  EXPECT_EQ(Told(), (Strings{"ok 1 offset=10 recovered=true"}));
  Confirm("g", 11, true, /*due=*/1);
  Publish("g", 11, 0);
  EXPECT_EQ(Told(), (Strings{"message m11 offset=11",
                             "ok 2 offset=11 recovered=true publications=1", "ok 3 offset=11"}));
}

TEST_F(CommandTurnsTest, ARefusalWaitsForItsTurnAndLiveMessagesDoNot) {
  Join();  // 1
  Confirm("g", 10);
  Send();  // 2
  limits_.publish_queue_bytes_max = 0;
  Send();   // 3
  Leave();  // 4
  Publish("g", 11, 10);
  EXPECT_EQ(Told(), (Strings{"ok 1 offset=10 recovered=true", "message m11 offset=11"}));
  AnswerSend(0);
  EXPECT_EQ(Told(), (Strings{"error 2 unavailable", "error 3 unavailable", "ok 4"}));
}

TEST_F(CommandTurnsTest, OtherGroupsDoNotWait) {
  Join();  // 1, of g
  client_.Say(R"({"id":"a","cmd":"send_to_group","group_id":"h","message":"x"})");
  client_.Say(R"({"id":"b","cmd":"leave_group","group_id":"i"})");
  AnswerSend(5);
  EXPECT_EQ(Told(), (Strings{"error b not_joined", "ok a offset=5"}));
}

TEST_F(CommandTurnsTest, CommandsWithoutAnIdKeepTheirPlace) {
  client_.Say(R"({"cmd":"add_group","group_id":"g"})");
  client_.Say(R"({"cmd":"send_to_group","group_id":"g","message":"1"})");
  Leave();  // 1
  client_.Say(R"({"cmd":"send_to_group","group_id":"g","message":"2"})");
  EXPECT_EQ(Told(), Strings{});
  Confirm("g", 10);
  EXPECT_EQ(Told(), (Strings{"ok 1"}));
  EXPECT_EQ(Published(), (Strings{"g:1", "g:2"}));
}

TEST_F(CommandTurnsTest, SoManyCommandsMayWait) {
  for (int i = 0; i < kWaitingRequestsMax + 1; ++i) Join();
  EXPECT_EQ(Told(), Strings{});
  Confirm("g", 10);
  Strings expected;
  for (int i = 1; i <= kWaitingRequestsMax; ++i) {
    expected.push_back("ok " + std::to_string(i) + " offset=10 recovered=true");
  }
  expected.push_back("error " + std::to_string(kWaitingRequestsMax + 1) + " limit_exceeded");
  EXPECT_EQ(Told(), expected);
}

TEST_F(CommandTurnsTest, WhatWaitsIsBoundedInBytes) {
  limits_.publish_queue_bytes_max = 2'000;
  Join();   // 1
  Leave();  // 2: from here on all waits
  Do("send_to_group", R"(,"message":")" + std::string(900, 'x') + '"');
  Do("send_to_group", R"(,"message":")" + std::string(900, 'x') + '"');
  Confirm("g", 10);
  AnswerSend(11);
  EXPECT_EQ(Told(), (Strings{"ok 1 offset=10 recovered=true", "ok 2", "ok 3 offset=11",
                             "error 4 unavailable"}));
}

TEST_F(CommandTurnsTest, WhatOneClientMayLetWaitIsBounded) {
  limits_.session_queue_bytes_max = 6'000;
  Join();   // 1
  Leave();  // 2: from here on all waits
  for (int i = 0; i < 3; ++i) Do("send_to_group", R"(,"message":")" + std::string(900, 'x') + '"');
  LookBack();  // 6
  Confirm("g", 10);
  for (const uint64_t offset : {11, 12, 13}) AnswerSend(offset);
  EXPECT_EQ(Told(), (Strings{"ok 1 offset=10 recovered=true", "ok 2", "ok 3 offset=11",
                             "ok 4 offset=12", "ok 5 offset=13", "error 6 limit_exceeded"}));
}

TEST_F(CommandTurnsTest, ASendBehindAHistoryThatWaitsForItsReaderIsRefusedInTime) {
  limits_.session_queue_bytes_max = 100'000;
  Join();  // 1
  Confirm("g", 10);
  const FramePtr frame = Frame::Encode(Opcode::kText, std::string(10'000, 'x'));
  client_.SetReading(false);
  while (client_.queued_bytes() < limits_.session_queue_bytes_max * 3 / 4) client_.Deliver(frame);
  LookBack();  // 2
  LookBack();  // 3
  Send();      // 4
  Tick(limits_.publish_timeout);
  EXPECT_EQ(metrics_.publications_refused.Value(), 0);
  Tick(std::chrono::milliseconds(1));
  EXPECT_EQ(metrics_.publications_refused.Value(), 1);
}

TEST_F(CommandTurnsTest, AnswersThatAreHeldAreBoundedInBytes) {
  limits_.session_queue_bytes_max = 2'000;
  Join();
  limits_.publish_queue_bytes_max = 0;
  Confirm("g", 10);
  LookBack();
  for (int i = 0; i < 30; ++i) Send();
  EXPECT_TRUE(client_.closed_as_slow());
}

TEST_F(CommandTurnsTest, AnswersThatAreHeldAreBoundedOverAllGroups) {
  limits_.session_queue_bytes_max = 2'000;
  limits_.publish_queue_bytes_max = 0;
  for (int i = 0; i < 30; ++i) {  // one answer each
    const std::string group = R"("group_id":"g)" + std::to_string(i) + '"';
    client_.Say(R"({"id":1,"cmd":"add_group",)" + group + '}');
    client_.Say(R"({"id":2,"cmd":"send_to_group","message":"x",)" + group + '}');
    Confirm("g" + std::to_string(i), 10);
    client_.Say(R"({"id":3,"cmd":"history","since":{"epoch":"e","offset":3},)" + group + '}');
    client_.Say(R"({"id":4,"cmd":"send_to_group","message":"x",)" + group + '}');
  }
  EXPECT_TRUE(client_.closed_as_slow());
}

TEST_F(CommandTurnsTest, WhatALostConnectionHadSentIsPublishedInOrder) {
  Join();   // 1
  Send();   // 2
  Leave();  // 3
  Send();   // 4
  client_.Vanish();
  EXPECT_EQ(Published(), (Strings{"g:m2", "g:m4"}));
  AnswerSend(11);
  AnswerSend(12);
}

TEST_F(CommandTurnsTest, ARequestThatWaitsForItsReaderIsNotOverdue) {
  limits_.session_queue_bytes_max = 2'000;
  Join();  // 1
  Confirm("g", 9);
  (void)Told();
  client_.SetReading(false);
  for (uint64_t offset = 10; client_.queued_bytes() <= 1'000; ++offset) {
    Publish("g", offset, offset - 1);
  }
  Do("history", R"(,"since":{"epoch":"e","offset":5})");  // 2
  const size_t asked = upstream_.asked().size();
  Tick(2 * limits_.publish_timeout);  // all this time the client does not read
  client_.Read();
  (void)Told();
  Tick(std::chrono::milliseconds(0));
  client_.Read();
  EXPECT_EQ(Told(), Strings{}) << "refused, though it was asked for only now";
  EXPECT_EQ(upstream_.asked().size(), asked + 1);
  client_.SetReading(true);
  Tick(limits_.publish_timeout + std::chrono::milliseconds(1));
  EXPECT_EQ(Told(), Strings{"error 2 unavailable"});
}

}  // namespace
}  // namespace edge
