// Interest routing: an edge receives the publications of groups that it holds members of, and no
// other; so does a node of the channel service, where several share one log.

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/support/deployment.h"
#include "tests/support/nats_server.h"
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

TEST(NodeInterest, ANodeReceivesTheGroupsOfItsOwnSubscribersAndNoOther) {
  constexpr int kNodes = 3;
  constexpr int kGroups = 10;  // of each node's subscriber, and nobody else's
  constexpr int kEach = 20;    // publications
  support::NatsServer nats;
  support::DeploymentOptions options;
  options.services = kNodes;
  options.service_flags = {"--engine=nats", "--nats_url=" + nats.url()};
  support::Deployment deployment(options);
  const auto group = [](int node, int k) {
    return "of node " + std::to_string(node) + ", " + std::to_string(k);
  };
  std::vector<std::unique_ptr<support::ServiceClient>> nodes;
  std::vector<std::unique_ptr<support::Subscriber>> subscribers;
  for (int node = 1; node <= kNodes; ++node) {
    nodes.push_back(std::make_unique<support::ServiceClient>(deployment.service_port(node)));
    subscribers.push_back(nodes.back()->OpenSubscriber());
    for (int k = 0; k < kGroups; ++k) subscribers.back()->Subscribe(group(node, k));
    for (int k = 0; k < kGroups; ++k) subscribers.back()->NextSubscribed();
  }
  // All of it through one node: whose edges hold a group does not depend on who publishes to it.
  for (int i = 0; i < kEach; ++i) {
    for (int node = 1; node <= kNodes; ++node) {
      for (int k = 0; k < kGroups; ++k) nodes.front()->MustPublish(group(node, k), "x");
    }
  }
  for (int node = 1; node <= kNodes; ++node) {
    std::multiset<std::string> got;
    for (int i = 0; i < kGroups * kEach; ++i) {
      got.insert(subscribers.at(static_cast<size_t>(node) - 1)->NextPublication().group_id());
    }
    for (int k = 0; k < kGroups; ++k) EXPECT_EQ(got.count(group(node, k)), size_t{kEach});
    const support::Metrics metrics = deployment.service(node).ReadMetrics();
    EXPECT_EQ(metrics.Value("channel_engine_received_total"), kGroups * kEach) << "node " << node;
    EXPECT_EQ(metrics.Value("channel_engine_foreign_total"), 0) << "node " << node;
  }
}

}  // namespace
