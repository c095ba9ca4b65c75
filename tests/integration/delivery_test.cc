// Messages go the whole way as no transcript of tests/golden can show: in pieces, of all sizes,
// many; and nothing is left behind.

#include <gtest/gtest.h>

#include <vector>

#include "tests/integration/shared_deployment.h"

namespace {

using support::Frame;
using support::Opcode;
using support::WebSocketClient;

constexpr int kEdges = 4;

class Delivery : public SharedDeployment {
 protected:
  static void SetUpTestSuite() {
    support::DeploymentOptions options;
    options.edges = kEdges;
    options.edge_flags = {"--commands_per_second=0"};  // publishers send as fast as they can
    Deploy(options);
  }

  // A name that no other test of this run uses.
  static std::string FreshGroup() {
    static int count = 0;
    return "group-" + std::to_string(++count);
  }

  static std::string Send(const std::string& group, int message) {
    return support::EncodeText(R"({"cmd":"send_to_group","group_id":")" + group +
                               R"(","message":)" + std::to_string(message) + "}");
  }

  // How many publications this edge received.
  static double Received(int edge) {
    return deployment().edge(edge).Metric("channel_edge_records_received_total");
  }
  static double Subscriptions() {
    return deployment().service().Metric("channel_service_subscriptions");
  }
};

TEST_F(Delivery, AMessageInFragmentsWithAPingBetweenIsOneMessage) {
  const std::string group = FreshGroup();
  WebSocketClient client(Port());
  client.JoinAndWait(group);
  const std::string command =
      R"({"cmd":"send_to_group","group_id":")" + group + R"(","message":"in pieces: ş"})";
  for (std::size_t i = 0; i < command.size(); ++i) {
    const bool last = i + 1 == command.size();
    const Opcode opcode = i == 0 ? Opcode::kText : Opcode::kContinuation;
    client.SendFrame(Frame{last, 0, static_cast<std::uint8_t>(opcode), true, command.substr(i, 1)});
    if (i == 10) client.SendFrame(Frame{true, 0, 9, true, "still there?"});
  }
  const std::optional<Frame> pong = client.ReadFrame();
  ASSERT_TRUE(pong);
  EXPECT_TRUE(pong->Is(Opcode::kPong));
  EXPECT_EQ(pong->payload, "still there?");
  EXPECT_EQ(client.ReadMessage(), "in pieces: ş");
}

TEST_F(Delivery, ACommandThatArrivesByteByByteIsOneCommand) {
  const std::string group = FreshGroup();
  WebSocketClient client(Port());
  client.JoinAndWait(group);
  const std::string frame = support::EncodeText(R"({"cmd":"send_to_group","group_id":")" + group +
                                                R"(","message":"slowly"})");
  for (const char byte : frame) client.SendRaw(std::string_view(&byte, 1));
  EXPECT_EQ(client.ReadMessage(), "slowly");
}

TEST_F(Delivery, TheLargestMessageArrivesWhole) {
  const std::string group = FreshGroup();
  WebSocketClient near = OnEdge(1);
  WebSocketClient far = OnEdge(2);
  near.JoinAndWait(group);
  far.JoinAndWait(group);
  const std::string head = R"({"cmd":"send_to_group","group_id":")" + group + R"(","message":")";
  const std::string message(65'536 - head.size() - 2, 'm');
  near.SendText(head + message + "\"}");
  EXPECT_EQ(near.ReadMessage(), message);
  EXPECT_EQ(far.ReadMessage(), message);
}

TEST_F(Delivery, TheClientsCloseIsAnsweredWithItsCode) {
  for (const int code : {1000, 1001, 4321}) {
    WebSocketClient client(Port());
    client.SendClose(code, "bye");
    const Frame close = client.ReadUntilClose();
    EXPECT_EQ(close.CloseCode(), code);
    EXPECT_TRUE(client.AwaitEnd());
  }
}

TEST_F(Delivery, AClosedConnectionLeavesNoSessionNoMembershipAndNoGroupBehind) {
  const auto counts = [] {
    std::string text;
    for (const char* name : {"sessions", "memberships", "groups"}) {
      const double count = deployment().EdgeMetric(std::string("channel_edge_") + name);
      text += name + (" " + std::to_string(static_cast<int>(count)) + ", ");
    }
    const double subscriptions = deployment().service().Metric("channel_service_subscriptions");
    return text + "subscriptions " + std::to_string(static_cast<int>(subscriptions));
  };
  const std::string nothing = "sessions 0, memberships 0, groups 0, subscriptions 0";
  support::AwaitText(nothing, counts);  // the clients of earlier tests are gone
  const std::string group = FreshGroup();
  WebSocketClient polite = OnEdge(1);
  WebSocketClient rude = OnEdge(1);
  WebSocketClient gone = OnEdge(2);
  polite.JoinAndWait(group);
  rude.JoinAndWait(group);
  rude.JoinAndWait(FreshGroup());
  gone.JoinAndWait(group);
  // Edge 1 holds two groups, edge 2 one.
  support::AwaitText("sessions 3, memberships 4, groups 3, subscriptions 3", counts);
  polite.SendClose(1000);
  EXPECT_EQ(polite.ReadUntilClose().CloseCode(), 1000);
  EXPECT_TRUE(polite.AwaitEnd());
  polite.connection().Close();
  rude.connection().Reset();
  gone.connection().Close();
  support::AwaitText(nothing, counts);
}

// Four publishers send at the same time, each on another edge.
TEST_F(Delivery, EveryMemberOnEveryEdgeSeesTheSameOrderNothingMissingAndNothingTwice) {
  constexpr int kMembers = 2 * kEdges;
  constexpr int kRounds = 40;
  constexpr int kBurst = 250;  // all that is on its way fits into the queue of a session
  constexpr int kEach = kRounds * kBurst;
  const std::string group = FreshGroup();
  std::vector<WebSocketClient> publishers;
  std::vector<WebSocketClient> members;
  for (int i = 0; i < kEdges; ++i) publishers.push_back(OnEdge(i + 1));
  for (int i = 0; i < kMembers; ++i) members.push_back(OnEdge(i % kEdges + 1));
  for (WebSocketClient& member : members) member.JoinAndWait(group);

  std::vector<std::vector<std::string>> orders(kMembers);
  for (int round = 0; round < kRounds; ++round) {
    for (int publisher = 0; publisher < kEdges; ++publisher) {
      std::string burst;
      for (int i = round * kBurst; i < (round + 1) * kBurst; ++i) {
        burst += Send(group, publisher * kEach + i);
      }
      publishers[static_cast<std::size_t>(publisher)].SendRaw(burst);
    }
    for (std::size_t member = 0; member < members.size(); ++member) {
      for (int i = 0; i < kEdges * kBurst; ++i) {
        orders[member].push_back(members[member].ReadMessage());
      }
    }
  }
  // Each publisher's messages come in its order, none missing and none twice.
  std::vector<int> next(kEdges, 0);
  for (const std::string& message : orders[0]) {
    const int publisher = std::stoi(message) / kEach;
    ASSERT_EQ(std::stoi(message) % kEach, next.at(static_cast<std::size_t>(publisher))++);
  }
  for (const auto& order : orders) EXPECT_TRUE(order == orders[0]);
  for (WebSocketClient& member : members) member.ExpectSilence();
  for (WebSocketClient& publisher : publishers) publisher.ExpectSilence();
}

// A node receives the groups of its own subscribers: JetStreamEngineTest.
TEST_F(Delivery, AnEdgeReceivesThePublicationsOfGroupsThatItHoldsMembersOfAndEachOnce) {
  constexpr int kPublications = 200;
  const std::string near = FreshGroup();
  const std::string far = FreshGroup();
  support::Await("clients of earlier tests are gone", [] { return Subscriptions() == 0; });
  std::vector<WebSocketClient> members;
  for (int i = 0; i < 3; ++i) {
    members.push_back(OnEdge(1));
    members.back().JoinAndWait(near);
  }
  WebSocketClient stranger = OnEdge(2);
  stranger.JoinAndWait(far);
  double near_before = Received(1);
  const double far_before = Received(2);
  for (int i = 0; i < kPublications; ++i) service().MustPublish(near, std::to_string(i));
  for (WebSocketClient& member : members) {
    for (int i = 0; i < kPublications; ++i) ASSERT_EQ(member.ReadMessage(), std::to_string(i));
  }
  EXPECT_EQ(Received(1) - near_before, kPublications);
  service().MustPublish(far, "hello");
  EXPECT_EQ(stranger.ReadMessage(), "hello");
  EXPECT_EQ(Received(2) - far_before, 1);
  // The last member leaves.
  members[0].Leave(near);
  members[1].Leave(near);
  members[2].connection().Close();
  support::Await("the edge unsubscribed", [] { return Subscriptions() == 1; });
  near_before = Received(1);
  for (int i = 0; i < kPublications; ++i) service().MustPublish(near, std::to_string(i));
  members[0].JoinAndWait(FreshGroup());
  EXPECT_EQ(Received(1) - near_before, 1) << "the marker of this join";
}

}  // namespace
