// Edges are stopped under load, one after the other and all at once: nobody is dropped without a
// word.

#include <csignal>

#include "tests/faults/scenario.h"

namespace faults {
namespace {

constexpr int kEdges = 3;
constexpr std::size_t kMembers = 200;
constexpr std::uint32_t kSenders = 10;
constexpr double kPerSecond = 500;  // publications
// Clients that come and go: each is there and away in turn, so that 50 connect each second.
constexpr std::size_t kVisitors = 50;
constexpr std::chrono::milliseconds kVisit{10};

class Stopping : public Scenario {
 protected:
  void SetUp() override {
    support::DeploymentOptions options;
    options.edges = kEdges;
    Deploy(std::move(options));
    const std::vector<std::string> groups = GroupNames(10);
    AddClients(kMembers, groups);
    AddClients(kVisitors, groups);
    swarm().AwaitJoined();
    StartSending(kSenders, groups, kPerSecond / kSenders);
  }

  // The visitors come and go meanwhile.
  void Await(const std::function<bool()>& condition) {
    const auto deadline = support::Clock::now() + support::kPatience;
    while (!condition()) {
      ASSERT_LT(support::Clock::now(), deadline);
      swarm().With(kMembers + visit_++ % kVisitors, [](SwarmClient& visitor) {
        if (visitor.away()) {
          visitor.ComeBack();
        } else {
          visitor.GoAway();
        }
      });
      RunFor(kVisit);
    }
  }
  // The edges exit, with 0, while visitors come and go.
  void Stop(const std::vector<int>& numbers) {
    for (const int number : numbers) deployment().edge(number).process->Signal(SIGTERM);
    for (const int number : numbers) {
      Await([&] { return !deployment().edge(number).process->Running(); });
      EXPECT_EQ(deployment().edge(number).process->WaitForExit(), 0);
    }
  }
  // All members are on an edge again.
  void AwaitMembers() {
    Await([&] {
      std::size_t joined = 0;
      swarm().Call([&] {
        for (std::size_t i = 0; i < kMembers; ++i) joined += swarm().client(i).joined() ? 1 : 0;
      });
      return joined == kMembers;
    });
  }
  // Each member was told, and has connected again once at most for each of `stops`.
  void ExpectMembersTold(std::uint64_t stops) {
    swarm().Call([&] {
      for (std::size_t i = 0; i < swarm().size(); ++i) {
        EXPECT_EQ(swarm().client(i).counts().lost, 0u) << "client " << i;
      }
      for (std::size_t i = 0; i < kMembers; ++i) {
        const SwarmClient::Counts& counts = swarm().client(i).counts();
        EXPECT_LE(counts.connects, 1 + stops) << "client " << i;
        const auto going = counts.closes.find(kGoingAway);
        EXPECT_EQ(counts.byes, going == counts.closes.end() ? 0 : going->second) << "client " << i;
        for (const auto& [code, count] : counts.closes) {
          EXPECT_TRUE(code == kGoingAway || code == kNoListener) << "closed with " << code;
        }
      }
    });
  }

  void BringVisitorsBack() {
    for (std::size_t i = kMembers; i < swarm().size(); ++i) {
      swarm().With(i, [](SwarmClient& visitor) {
        if (visitor.away()) visitor.ComeBack();
      });
    }
    swarm().AwaitJoined();
  }

  static constexpr int kGoingAway = 4001;
  static constexpr int kNoListener = 1006;  // of a connection that was refused; others are `lost`

 private:
  std::size_t visit_ = 0;
};

TEST_F(Stopping, OneEdgeAfterTheOther) {
  for (int number = 1; number <= kEdges; ++number) {
    AwaitAcknowledged(100);
    Stop({number});
    deployment().StartEdgeAgain(number);
    AwaitMembers();
    ExpectMembersTold(static_cast<std::uint64_t>(number));
  }
  BringVisitorsBack();
  const Verdict verdict = Finish();
  EXPECT_EQ(verdict.gaps, 0u);
}

TEST_F(Stopping, AllEdgesAtOnce) {
  AwaitAcknowledged(100);
  Stop({1, 2, 3});
  for (int number = 1; number <= kEdges; ++number) deployment().StartEdgeAgain(number);
  AwaitMembers();
  ExpectMembersTold(1);
  BringVisitorsBack();
  const Verdict verdict = Finish();
  EXPECT_EQ(verdict.gaps, 0u);
}

}  // namespace
}  // namespace faults
