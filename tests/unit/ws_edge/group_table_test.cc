// Memberships, and the way of sends upstream.
#include "ws_edge/groups/group_table.h"

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "tests/unit/ws_edge/groups_fixture.h"

namespace edge {
namespace {

class GroupTableTest : public GroupsFixture {
 protected:
  ~GroupTableTest() override { plain_.clear(); }

  FakeClient* NewClient() {
    plain_.push_back(std::make_unique<FakeClient>(*this, /*enveloped=*/false));
    return plain_.back().get();
  }
  // False if it is refused.
  bool Join(FakeClient* client, const std::string& group_id) {
    client->OnCommand(Command{.group_id = group_id});
    return client->Told().empty();
  }
  void Leave(FakeClient* client, const std::string& group_id) {
    client->OnCommand(Command{.kind = CommandKind::kLeaveGroup, .group_id = group_id});
  }
  void Send(FakeClient* client, const std::string& group_id, const std::string& message) {
    client->OnCommand(
        Command{.kind = CommandKind::kSendToGroup, .group_id = group_id, .message = message});
  }
  double Refused() { return metrics_.publications_refused.Value(); }

  std::vector<std::unique_ptr<FakeClient>> plain_;
};

TEST_F(GroupTableTest, TheFirstMemberSubscribesAndTheLastUnsubscribes) {
  FakeClient* one = NewClient();
  FakeClient* two = NewClient();
  EXPECT_TRUE(Join(one, "g"));
  EXPECT_TRUE(Join(two, "g"));
  EXPECT_TRUE(Join(one, "g")) << "joining twice is joining once";
  EXPECT_EQ(metrics_.memberships.Value(), 2);
  Leave(one, "g");
  EXPECT_EQ(upstream_.held().size(), 1u);
  groups_.LeaveAll(*two);
  EXPECT_TRUE(upstream_.held().empty());
  EXPECT_EQ(metrics_.groups.Value(), 0);
}

TEST_F(GroupTableTest, ASendWaitsUntilTheJoinHasTakenEffect) {
  FakeClient* member = NewClient();
  Send(member, "g", "before the join");
  ASSERT_TRUE(Join(member, "g"));
  Send(member, "g", "1");
  Send(NewClient(), "g", "2");
  Send(member, "other", "not held");
  EXPECT_EQ(upstream_.published(), (Strings{"g:before the join", "other:not held"}));
  upstream_.Confirm("g", 0);
  Send(member, "g", "3");
  EXPECT_EQ(upstream_.published(),
            (Strings{"g:before the join", "other:not held", "g:1", "g:2", "g:3"}));
}

TEST_F(GroupTableTest, WhatWaitsIsSentWhenTheLastMemberLeaves) {
  FakeClient* member = NewClient();
  ASSERT_TRUE(Join(member, "g"));
  Send(member, "g", "1");
  groups_.LeaveAll(*member);
  EXPECT_EQ(upstream_.published(), (Strings{"g:1"}));
}

TEST_F(GroupTableTest, AnOldConfirmationDoesNotConfirmANewSubscription) {
  FakeClient* member = NewClient();
  ASSERT_TRUE(Join(member, "g"));
  channel::v1::SubscribeResponse batch;
  channel::v1::Subscribed& old = *batch.add_events()->mutable_subscribed();
  old.set_group_id("g");
  old.set_epoch("e");
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

TEST_F(GroupTableTest, WhatWaitsTooLongOrIsTooMuchIsRefused) {
  FakeClient* member = NewClient();
  ASSERT_TRUE(Join(member, "g"));
  Send(member, "g", "1");
  clock_.Step(limits_.publish_timeout);
  groups_.OnTick();
  EXPECT_EQ(Refused(), 0);
  clock_.Step(std::chrono::milliseconds(1));
  groups_.OnTick();
  EXPECT_EQ(Refused(), 1);
  const std::string big(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) Send(member, "g", big);
  EXPECT_EQ(Refused(), 2) << "the eighth does not fit any more";
  upstream_.Confirm("g", 0);
  EXPECT_EQ(Refused(), 2);
}

TEST_F(GroupTableTest, AConnectionMayBeInSoManyGroups) {
  limits_.groups_per_connection_max = 2;
  FakeClient* session = NewClient();
  EXPECT_TRUE(Join(session, "1"));
  EXPECT_TRUE(Join(session, "2"));
  EXPECT_FALSE(Join(session, "3"));
  EXPECT_TRUE(Join(session, "2")) << "it is in that one";
  Leave(session, "1");
  EXPECT_TRUE(Join(session, "3"));
}

TEST_F(GroupTableTest, RandomJoinsAndLeavesAgreeWithAModel) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 20; ++i) NewClient();
  std::map<std::string, std::set<FakeClient*>> model;
  for (int i = 0; i < 20'000; ++i) {
    FakeClient* session = plain_[random() % plain_.size()].get();
    const std::string group = std::to_string(random() % 10);
    switch (random() % 8) {
      case 0:
        groups_.LeaveAll(*session);
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
    const auto in = std::count_if(model.begin(), model.end(), [session](const auto& entry) {
      return entry.second.contains(session);
    });
    ASSERT_EQ(groups_.GroupsOf(*session), static_cast<size_t>(in));
  }
  // Each group delivers one frame to each member.
  for (const auto& [id, members] : model) {
    upstream_.Confirm(id, 0);
    const double before = metrics_.deliveries.Value();
    upstream_.Publish(id, 1, 0);
    EXPECT_EQ(metrics_.deliveries.Value() - before, static_cast<double>(members.size()));
  }
}

}  // namespace
}  // namespace edge
