// The router with real sessions that are not connected: memberships and the way upstream. What
// members receive is tested with real sockets in tests/integration.
#include "ws_edge/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_upstream.h"
#include "ws_edge/session.h"

namespace edge {
namespace {

class RouterTest : public ::testing::Test, public SessionObserver {
 protected:
  void OnSessionOver(Session*, const CloseReason&) override {}
  void OnSessionClosing(Session*) override {}
  void OnMessageIncomplete(Session*, bool) override {}

  RouterTest() { upstream_.Start(&router_); }
  ~RouterTest() override {
    for (auto& session : sessions_) router_.LeaveAll(session.get());
  }

  Session* NewSession() {
    sessions_.push_back(
        std::make_shared<Session>(context_, sessions_.size() + 1, Socket(loop_.get_executor())));
    return sessions_.back().get();
  }

  // True if the session is in the group afterwards.
  bool Join(Session* session, const std::string& group_id) {
    router_.OnCommand(session, Command{.group_id = group_id});
    return std::any_of(session->memberships().begin(), session->memberships().end(),
                       [&](const auto& m) { return m.group->id() == group_id; });
  }
  void Leave(Session* session, const std::string& group_id) {
    router_.OnCommand(session, Command{.kind = CommandKind::kLeaveGroup, .group_id = group_id});
  }
  void Send(Session* session, const std::string& group_id, const std::string& message) {
    router_.OnCommand(
        session,
        Command{.kind = CommandKind::kSendToGroup, .group_id = group_id, .message = message});
  }

  double Refused() { return metrics_.publications_refused.Value(); }

  using Strings = std::vector<std::string>;

  boost::asio::io_context loop_{1};
  prometheus::Registry registry_;
  EdgeMetrics metrics_{registry_};
  EdgeLimits limits_;
  channel::test::FakeClock clock_;
  LoopFlushList flush_list_{loop_};
  test::FakeUpstream upstream_{clock_, metrics_};
  Router router_{limits_, metrics_, clock_, upstream_.link(), [this](uint64_t id) {
                   return id <= sessions_.size() ? sessions_[id - 1].get() : nullptr;
                 }};
  const std::string name_ = "edge";
  const bool service_away_ = false;
  SessionContext context_{name_,       name_,   name_, limits_,      metrics_,
                          flush_list_, router_, *this, service_away_};
  std::vector<std::shared_ptr<Session>> sessions_;
};

TEST_F(RouterTest, TheFirstMemberSubscribesAndTheLastUnsubscribes) {
  Session* one = NewSession();
  Session* two = NewSession();
  EXPECT_TRUE(Join(one, "g"));
  EXPECT_TRUE(Join(two, "g"));
  EXPECT_TRUE(Join(one, "g")) << "joining twice is joining once";
  EXPECT_EQ(metrics_.memberships.Value(), 2);
  Leave(one, "g");
  EXPECT_EQ(upstream_.held().size(), 1u);
  router_.LeaveAll(two);
  EXPECT_TRUE(upstream_.held().empty());
  EXPECT_EQ(metrics_.groups.Value(), 0);
}

TEST_F(RouterTest, ASendWaitsUntilTheJoinHasTakenEffect) {
  Session* member = NewSession();
  Send(member, "g", "before the join");
  ASSERT_TRUE(Join(member, "g"));
  Send(member, "g", "1");
  Send(NewSession(), "g", "2");
  Send(member, "other", "not held");
  EXPECT_EQ(upstream_.published(), (Strings{"g:before the join", "other:not held"}));
  upstream_.Confirm("g", 0);
  Send(member, "g", "3");
  EXPECT_EQ(upstream_.published(),
            (Strings{"g:before the join", "other:not held", "g:1", "g:2", "g:3"}));
}

TEST_F(RouterTest, WhatWaitsIsSentWhenTheLastMemberLeaves) {
  Session* member = NewSession();
  ASSERT_TRUE(Join(member, "g"));
  Send(member, "g", "1");
  router_.LeaveAll(member);
  EXPECT_EQ(upstream_.published(), (Strings{"g:1"}));
}

TEST_F(RouterTest, AnOldConfirmationDoesNotConfirmANewSubscription) {
  Session* member = NewSession();
  ASSERT_TRUE(Join(member, "g"));
  channel::v1::SubscribeResponse batch;
  channel::v1::Subscribed& old = *batch.add_events()->mutable_subscribed();
  old.set_group_id("g");
  old.set_tag(upstream_.TagOf("g"));
  old.set_recovered(true);
  Leave(member, "g");
  ASSERT_TRUE(Join(member, "g"));
  Send(member, "g", "1");
  upstream_.Give(batch);
  EXPECT_TRUE(upstream_.published().empty());
  upstream_.Confirm("g", 0);
  EXPECT_EQ(upstream_.published(), (Strings{"g:1"}));
}

TEST_F(RouterTest, WhatWaitsTooLongOrIsTooMuchIsRefused) {
  Session* member = NewSession();
  ASSERT_TRUE(Join(member, "g"));
  Send(member, "g", "1");
  clock_.Step(limits_.publish_timeout);
  router_.OnTick();
  EXPECT_EQ(Refused(), 0);
  clock_.Step(std::chrono::milliseconds(1));
  router_.OnTick();
  EXPECT_EQ(Refused(), 1);
  const std::string big(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) Send(member, "g", big);
  EXPECT_EQ(Refused(), 2) << "the eighth does not fit any more";
  upstream_.FillQueue();
  upstream_.Confirm("g", 0);
  EXPECT_EQ(Refused(), 9);
}

TEST_F(RouterTest, AConnectionMayBeInSoManyGroups) {
  limits_.groups_per_connection_max = 2;
  Session* session = NewSession();
  EXPECT_TRUE(Join(session, "1"));
  EXPECT_TRUE(Join(session, "2"));
  EXPECT_FALSE(Join(session, "3"));
  EXPECT_TRUE(Join(session, "2")) << "it is in that one";
  Leave(session, "1");
  EXPECT_TRUE(Join(session, "3"));
}

TEST_F(RouterTest, RandomJoinsAndLeavesAgreeWithAModel) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20; ++i) NewSession();
  std::map<std::string, std::set<Session*>> model;
  for (int i = 0; i < 20'000; ++i) {
    Session* session = sessions_[random() % sessions_.size()].get();
    const std::string group = std::to_string(random() % 10);
    switch (random() % 8) {
      case 0:
        router_.LeaveAll(session);
        for (auto& [id, members] : model) members.erase(session);
        break;
      case 1:
      case 2:
      case 3:
        Leave(session, group);
        model[group].erase(session);
        break;
      default:
        ASSERT_TRUE(Join(session, group));
        model[group].insert(session);
    }
    std::erase_if(model, [](const auto& entry) { return entry.second.empty(); });
    size_t memberships = 0;
    for (const auto& [id, members] : model) {
      ASSERT_TRUE(upstream_.held().contains(id));
      memberships += members.size();
    }
    ASSERT_EQ(upstream_.held().size(), model.size());
    ASSERT_EQ(static_cast<size_t>(metrics_.memberships.Value()), memberships);
  }
  // What each group delivers is one frame for each member.
  for (const auto& [id, members] : model) {
    upstream_.Confirm(id, 0);
    const double before = metrics_.deliveries.Value();
    upstream_.Publish(id, 1, 0);
    EXPECT_EQ(metrics_.deliveries.Value() - before, static_cast<double>(members.size()));
  }
}

}  // namespace
}  // namespace edge
