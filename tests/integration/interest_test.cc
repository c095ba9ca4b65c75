// Interest routing: an edge receives the publications of groups that it holds members of, and no
// other.

#include <gtest/gtest.h>

#include "tests/support/deployment.h"
#include "tests/support/service_client.h"
#include "tests/support/web_socket_client.h"

namespace {

using support::WebSocketClient;

constexpr const char* kReceived = "channel_edge_records_received_total";
constexpr int kPublications = 1'000;

class Interest : public ::testing::Test {
 protected:
  static support::DeploymentOptions TwoEdges() {
    support::DeploymentOptions options;
    options.edges = 2;
    return options;
  }

  WebSocketClient OnEdge(int number) {
    return WebSocketClient::OnEdge(deployment_.edge_port(), deployment_.edge(number).name);
  }

  support::Deployment deployment_{TwoEdges()};
  support::ServiceClient service_{deployment_.service_port()};
};

TEST_F(Interest, AnEdgeWithoutMembersOfAGroupReceivesNothingOfIt) {
  WebSocketClient member = OnEdge(1);
  WebSocketClient stranger = OnEdge(2);
  member.JoinAndWait("held on edge 1");
  stranger.JoinAndWait("held on edge 2");
  const double near_before = deployment_.edge(1).Metric(kReceived);
  const double far_before = deployment_.edge(2).Metric(kReceived);

  for (int i = 0; i < kPublications; ++i) service_.MustPublish("held on edge 1", std::to_string(i));
  for (int i = 0; i < kPublications; ++i) ASSERT_EQ(member.ReadMessage(), std::to_string(i));

  EXPECT_EQ(deployment_.edge(1).Metric(kReceived) - near_before, kPublications);
  EXPECT_EQ(deployment_.edge(2).Metric(kReceived) - far_before, 0);
  // Edge 2 is not merely deaf.
  service_.MustPublish("held on edge 2", "hello");
  EXPECT_EQ(stranger.ReadMessage(), "hello");
  EXPECT_EQ(deployment_.edge(2).Metric(kReceived) - far_before, 1);
}

TEST_F(Interest, ManyMembersOnOneEdgeAreOneRecordPerPublication) {
  std::vector<WebSocketClient> members;
  for (int i = 0; i < 10; ++i) {
    members.push_back(OnEdge(1));
    members.back().JoinAndWait("crowd");
  }
  const double before = deployment_.edge(1).Metric(kReceived);
  for (int i = 0; i < 100; ++i) service_.MustPublish("crowd", std::to_string(i));
  for (WebSocketClient& member : members) {
    for (int i = 0; i < 100; ++i) ASSERT_EQ(member.ReadMessage(), std::to_string(i));
  }
  EXPECT_EQ(deployment_.edge(1).Metric(kReceived) - before, 100);
}

TEST_F(Interest, AfterTheLastMemberLeftTheEdgeReceivesNothingMore) {
  WebSocketClient first = OnEdge(1);
  WebSocketClient second = OnEdge(1);
  first.JoinAndWait("left");
  second.JoinAndWait("left");
  first.Leave("left");
  second.connection().Close();
  support::Await("the edge unsubscribed", [&] {
    return deployment_.service().Metric("channel_service_subscriptions") == 0;
  });
  const double before = deployment_.edge(1).Metric(kReceived);
  for (int i = 0; i < 100; ++i) service_.MustPublish("left", std::to_string(i));
  first.JoinAndWait("fence");
  // The marker of the fence, and nothing else.
  EXPECT_EQ(deployment_.edge(1).Metric(kReceived) - before, 1);
}

}  // namespace
