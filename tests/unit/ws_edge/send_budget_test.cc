// A client that has too many sends without an answer is not read until some are answered.
#include "ws_edge/groups/send_budget.h"

#include <gtest/gtest.h>

#include "tests/unit/ws_edge/groups_fixture.h"

namespace edge {
namespace {

class SendBudgetTest : public GroupsFixture {
 protected:
  static void Send(FakeClient& client, const std::string& group_id, size_t bytes = 1) {
    client.Say(R"({"cmd":"send_to_group","group_id":")" + group_id + R"(","message":")" +
               std::string(bytes, 'x') + "\"}");
  }
  static size_t SendUntilHeld(FakeClient& client, size_t bytes) {
    size_t sends = 0;
    for (; !client.commands_held() && sends < 10'000; ++sends) Send(client, "g", bytes);
    return sends;
  }

  FakeClient client_{*this, /*enveloped=*/true};
  FakeClient other_{*this, /*enveloped=*/false};
};

TEST_F(SendBudgetTest, AClientIsHeldWithSoManyAndReadAgainWithHalf) {
  EXPECT_EQ(SendUntilHeld(client_, 1), kUnansweredSendsMax);
  EXPECT_FALSE(other_.commands_held());
  for (uint32_t left = kUnansweredSendsMax - 1; left > kUnansweredSendsMax / 2; --left) {
    AnswerSend(100 - left);
    EXPECT_TRUE(client_.commands_held()) << left;
  }
  AnswerSend(100);
  EXPECT_FALSE(client_.commands_held());
}

TEST_F(SendBudgetTest, SoItIsWithSoManyBytesOfEitherDialect) {
  EXPECT_EQ(SendUntilHeld(other_, 60'000), kUnansweredBytesMax / 60'000 + 1);
  EXPECT_FALSE(client_.commands_held());
}

TEST_F(SendBudgetTest, WhatWaitsForAJoinOrForACommandCountsToo) {
  client_.Say(R"({"id":1,"cmd":"add_group","group_id":"g"})");
  client_.Say(R"({"id":2,"cmd":"leave_group","group_id":"g"})");
  EXPECT_EQ(SendUntilHeld(client_, 1), kUnansweredSendsMax);
  EXPECT_EQ(upstream_.published().size(), 0u);
  Tick(limits_.publish_timeout);
  Tick(std::chrono::milliseconds(1));
  EXPECT_FALSE(client_.commands_held()) << "all were refused";
}

TEST_F(SendBudgetTest, ThoseWhoHaveMuchAreHeldBeforeThoseWhoHaveNothing) {
  limits_.publish_queue_bytes_max = 1 << 20;
  std::vector<std::unique_ptr<FakeClient>> greedy;
  for (int i = 0; i < 20; ++i) {
    greedy.push_back(std::make_unique<FakeClient>(*this, /*enveloped=*/true));
    SendUntilHeld(*greedy.back(), 1000);
  }
  Send(client_, "g", 1000);
  EXPECT_EQ(client_.Told(), Strings{}) << "it is not refused";
  for (auto& client : greedy) client->Vanish();
}

TEST_F(SendBudgetTest, WhatIsFullIsFullForAClientWithMoreThanItsPart) {
  limits_.publish_queue_bytes_max = 2'200;
  for (int i = 0; i < 3; ++i) Send(client_, "g", 800);
  EXPECT_EQ(client_.Told().size(), 1u) << "the third is refused, and says so";
}

TEST_F(SendBudgetTest, TheSendsOfAClientThatIsGoneCountUntilTheyAreAnswered) {
  limits_.publish_queue_bytes_max = 2'200;
  Send(other_, "g", 800);
  Send(other_, "g", 800);
  other_.Vanish();
  Send(client_, "g", 800);
  EXPECT_EQ(client_.Told().size(), 1u);
  AnswerSend(1);
  Send(client_, "g", 800);
  EXPECT_EQ(client_.Told(), Strings{});
}

}  // namespace
}  // namespace edge
