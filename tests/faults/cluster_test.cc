// Three nats-servers, three nodes of the channel service, six edges: what dies, and what is lost.

#include "tests/faults/scenario.h"

namespace faults {
namespace {

using support::Clock;
using support::Duration;
using support::NatsServer;

constexpr int kNodes = 3;
constexpr int kEdges = 6;
constexpr std::size_t kClients = 200;
constexpr std::size_t kGroups = 20;
constexpr std::uint32_t kSendingClients = 6;
constexpr std::uint32_t kBackEnds = 2;
constexpr double kPerSecond = kSanitized ? 10 : 62.5;  // of each: 500 in all
constexpr Duration kNodeLossOverWithin{kSanitized ? 10'000 : 3'000};
constexpr Duration kPublishingAgainWithin{kSanitized ? 20'000 : 10'000};
constexpr Duration kClusterBackWithin{40'000};

class Cluster : public Scenario {
 protected:
  Cluster() {
    std::string urls;
    for (const std::string& url : nats_.urls()) urls += (urls.empty() ? "" : ",") + url;
    support::DeploymentOptions options;
    options.services = kNodes;
    options.edges = kEdges;
    options.service_flags = {"--engine=nats", "--nats_replicas=3", "--nats_url=" + urls,
                             "--history_publications_max=4000"};
    Deploy(std::move(options));
    AddClients(kClients, groups_, 2);
    swarm().AwaitJoined();
    StartSending(kSendingClients, groups_, kPerSecond);
    for (std::uint32_t i = 0; i < kBackEnds; ++i) {
      AddGrpcPublisher(kSendingClients + i, groups_, kPerSecond);
    }
    AwaitAcknowledged(100);
    AwaitAcknowledged(500);
  }
  ~Cluster() override { End(); }

  void ExpectNothingLost() {
    const Verdict verdict = Finish({}, std::chrono::seconds(60));
    EXPECT_EQ(verdict.gaps, 0u);
    EXPECT_GT(verdict.acknowledged, 0u);
  }

  support::NatsCluster& nats() { return nats_; }
  const std::vector<std::string>& groups() const { return groups_; }

 private:
  const std::vector<std::string> groups_ = GroupNames(kGroups);
  support::NatsCluster nats_;
};

TEST_F(Cluster, ClientsOfANodeThatDiesAreServedByAnotherInSeconds) {
  for (int node = 2; node <= kNodes; ++node) {
    deployment().service(node).process->Kill();
    const Clock::time_point killed = Clock::now();
    for (const std::string& group : groups()) Publish(group, 1);
    swarm().AwaitDelivered();
    EXPECT_LT(Say("clients of a dead node are served again", killed), kNodeLossOverWithin);
    deployment().StartServiceAgain(node);
    AwaitAcknowledged(200);
  }
  ExpectNothingLost();
}

TEST_F(Cluster, PublishingGoesOnAfterTheDeathOfTheLogsLeader) {
  NatsServer& leader = nats().LeaderOf("CHANNEL");
  leader.Kill();
  const Clock::time_point killed = Clock::now();
  RunFor(Duration(500));  // answers that were on their way are no sign of life
  AwaitAcknowledged(1, kClusterBackWithin);
  EXPECT_LT(Say("publications are acknowledged again", killed), kPublishingAgainWithin);
  leader.Start();
  AwaitAcknowledged(500);
  ExpectNothingLost();
}

TEST_F(Cluster, NothingAcknowledgedIsLostWhenAllServersOfTheLogDie) {
  nats().Kill();
  RunFor(std::chrono::seconds(1));
  nats().Start();
  AwaitAcknowledged(400, kClusterBackWithin);
  ExpectNothingLost();
}

}  // namespace
}  // namespace faults
