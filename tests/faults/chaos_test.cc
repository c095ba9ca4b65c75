// A minute in which edges die, links break and processes stall at random.

#include <signal.h>

#include <functional>
#include <iostream>

#include "tests/faults/scenario.h"

namespace faults {
namespace {

using support::Deadline;
using support::Duration;

constexpr int kEdges = 4;
constexpr std::size_t kClients = 200;
constexpr std::size_t kGroups = 20;
constexpr double kPerSecond = 40;  // of each of four publishers

class Chaos : public Scenario {
 protected:
  // Breaks something that is whole, for a while.
  void BreakOne() {
    if (random()() % 25 == 0) return StallService();
    const int edge = 1 + static_cast<int>(random()() % kEdges);
    if (broken_.count(edge) != 0) return;
    switch (random()() % 7) {
      case 0:
        return KillEdge(edge);
      case 1:
        ++counts_["cuts"];
        return proxy(edge).Cut(random()() % 2 == 0 ? CutKind::kReset : CutKind::kFin);
      case 2:
        return StallEdge(edge);
      case 3:
        return BreakLink(edge, "blackholes", Way::kBoth, [](LinkFaults& f) { f.stopped = true; });
      case 4:
        return BreakLink(edge, "half_open", random()() % 2 == 0 ? Way::kUp : Way::kDown,
                         [](LinkFaults& f) { f.stopped = true; });
      case 5:
        return BreakLink(edge, "slow", Way::kBoth,
                         [](LinkFaults& f) { f.bytes_per_second = 20'000; });
      default:
        ++counts_["refusals"];
        proxy(edge).Refuse(true);
        proxy(edge).Cut(CutKind::kReset);
        return Repair(edge, Between(200, 2'000), [this, edge] { proxy(edge).Heal(); });
    }
  }

  void RepairDue(Deadline now) {
    std::erase_if(broken_, [now](const auto& entry) {
      const bool due = entry.second.at <= now;
      if (due) entry.second.repair();
      return due;
    });
  }

  std::string Counts() const {
    std::string text;
    for (const auto& [name, count] : counts_) text += " " + name + "=" + std::to_string(count);
    return text;
  }

 private:
  static constexpr int kService = 0;  // the others are numbers of edges
  struct Broken {
    Deadline at;
    std::function<void()> repair;
  };

  void Repair(int what, Duration after, std::function<void()> repair) {
    broken_[what] = {support::After(after), std::move(repair)};
  }

  void KillEdge(int edge) {
    ++counts_["kills"];
    // Its accounts die with it.
    EXPECT_EQ(deployment().edge(edge).Metric("channel_edge_unannounced_positions_total"), 0);
    deployment().edge(edge).process->Kill();
    Repair(edge, Between(200, 2'000), [this, edge] { deployment().StartEdgeAgain(edge); });
  }

  void StallEdge(int edge) {
    ++counts_["edge_stalls"];
    deployment().edge(edge).process->Signal(SIGSTOP);
    Repair(edge, Between(300, 3'000),
           [this, edge] { deployment().edge(edge).process->Signal(SIGCONT); });
  }

  void StallService() {
    if (broken_.count(kService) != 0) return;
    ++counts_["service_stalls"];
    deployment().service().process->Signal(SIGSTOP);
    Repair(kService, Between(200, 1'000),
           [this] { deployment().service().process->Signal(SIGCONT); });
  }

  void BreakLink(int edge, const char* name, Way way,
                 const std::function<void(LinkFaults&)>& change) {
    ++counts_[name];
    LinkFaults faults;
    change(faults);
    proxy(edge).Set(way, faults);
    Repair(edge, Between(500, 3'000), [this, edge] { proxy(edge).Heal(); });
  }

  std::map<int, Broken> broken_;
  std::map<std::string, int> counts_;
};

TEST_F(Chaos, EverythingAcknowledgedArrivesOnceInOrderWhateverBreaks) {
  support::DeploymentOptions options;
  options.edges = kEdges;
  Deploy(std::move(options), /*proxies=*/true);
  const std::vector<std::string> groups = GroupNames(kGroups);
  AddClients(kClients, groups, 2);
  swarm().AwaitJoined();
  // Two of the clients publish too, and two back ends.
  StartSending(2, groups, kPerSecond);
  for (const std::uint32_t sender : {2U, 3U}) AddGrpcPublisher(sender, groups, kPerSecond);
  // A third one has no keys: its order is promised on each of its connections.
  swarm().With(2, [&](SwarmClient& client) {
    client.StartSending({4, groups, kPerSecond, 8, 0, /*keyed=*/false});
  });

  const auto length = std::chrono::duration<double, std::ratio<60>>(Settings::Get().minutes);
  const Deadline end = support::After(std::chrono::duration_cast<Duration>(length));
  while (support::Clock::now() < end) {
    RunFor(Between(50, 500));
    RepairDue(support::Clock::now());
    BreakOne();
  }
  RepairDue(Deadline::max());
  std::cout << "faults:" << Counts() << std::endl;

  const Verdict verdict = Finish();
  EXPECT_EQ(verdict.gaps, 0u) << "the history is long enough for all of it";
  EXPECT_GT(verdict.acknowledged, 0u);
}

}  // namespace
}  // namespace faults
