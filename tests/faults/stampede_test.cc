// All clients of one edge lose it at the same moment.

#include <iostream>

#include "tests/faults/scenario.h"

namespace faults {
namespace {

using support::Clock;
using support::Duration;

constexpr std::size_t kGroups = 20;
constexpr int kReadsPerGroupMax = 50;

class Stampede : public Scenario {
 protected:
  // How often the service had to read a history; edges ask for it in no other way.
  double HistoryReads() { return deployment().service().Metric("channel_service_catch_ups_total"); }
};

TEST_F(Stampede, ThousandsComeBackToOtherEdgesInSecondsWithoutAHole) {
  const bool long_form = Settings::Get().long_form;
  const std::size_t clients = long_form ? 10'000 : 2'000;
  const Duration within = std::chrono::seconds((long_form ? 30 : 10) * (kSanitized ? 3 : 1));
  Deploy({});
  const std::vector<std::string> groups = GroupNames(kGroups);
  AddClients(clients, groups);
  swarm().AwaitJoined(std::chrono::seconds(60));
  for (int i = 0; i < 3; ++i) deployment().AddEdge();
  // Every member gets two messages a second.
  for (std::uint32_t sender = 1; sender <= 2; ++sender) AddGrpcPublisher(sender, groups, kGroups);
  AwaitAcknowledged(2 * kGroups);
  swarm().AwaitDelivered();
  const double reads_before = HistoryReads();

  const std::size_t acknowledged_before = swarm().publications().acknowledged();
  deployment().edge(1).process->Kill();
  const Clock::time_point killed = Clock::now();
  support::Await(
      "all have resumed", [&] { return swarm().Counts().resumes >= clients; },
      std::chrono::minutes(2));
  const std::size_t meanwhile = swarm().publications().acknowledged() - acknowledged_before;
  swarm().AwaitDelivered();
  const auto took = std::chrono::duration_cast<Duration>(Clock::now() - killed);
  const double reads = HistoryReads() - reads_before;
  EXPECT_GT(meanwhile, 0u) << "nobody missed anything: this shows nothing";
  std::cout << "faults: " << clients << " clients resumed after " << took.count() << " ms, "
            << reads << " history reads for " << kGroups << " groups" << std::endl;
  EXPECT_LT(took, within);
  EXPECT_LE(reads, kReadsPerGroupMax * kGroups);

  AwaitAcknowledged(2 * kGroups);
  const Verdict verdict = Finish();
  EXPECT_EQ(verdict.gaps, 0u);
}

}  // namespace
}  // namespace faults
