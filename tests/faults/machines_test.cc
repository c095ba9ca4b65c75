// The example of deploy/three_machines: one of its machines is cut off, or all of it dies.

#include <iostream>
#include <memory>

#include "tests/faults/scenario.h"
#include "tests/faults/three_machines.h"

namespace faults {
namespace {

using support::Clock;
using support::Duration;

constexpr int kMachines = ThreeMachines::kMachines;
constexpr std::size_t kClients = 200;
constexpr std::size_t kGroups = 20;
constexpr std::uint32_t kSendingClients = 6;
constexpr std::uint32_t kBackEnds = 2;
constexpr double kPerSecond = kSanitized ? 10 : 62.5;  // of each: 500 in all
constexpr std::size_t kEnough = 200;                   // publications that show that all goes on
constexpr std::size_t kMore = 1'000;                   // while the machine that was lost is back
constexpr Duration kReadyWithin{40'000};
constexpr Duration kCutFor{15'000};
// A new leader of the log takes 4 to 9 s (nats-server 2.9), and who published there has to find
// another machine first. (The death of the leader alone: cluster_test.cc.)
constexpr Duration kPublishingAgainWithin{20'000};
constexpr Duration kLostClientsServedWithin{20'000};
// Edges elsewhere whose service was on a machine that is cut off: 15 s of keepalive, and the
// return.
constexpr Duration kAllServedWithin{20'000};
constexpr Duration kPatience{60'000};

class Machines : public Scenario {
 protected:
  ~Machines() override { End(); }

  void SetUp() override {
    const std::string why_not = ThreeMachines::WhyNot();
    if (!why_not.empty()) {
      std::cout << "NOT RUN: " << why_not << std::endl;
      GTEST_SKIP() << why_not;
    }
    started_ = Clock::now();
    machines_ = std::make_unique<ThreeMachines>(
        "--history_publications_max=4000 --nats_bytes_max=268435456",
        // Both sides notice in seconds that one is cut off.
        "--ping_interval=3s --pong_timeout=2s");
    machines_->AwaitCluster();
    for (int machine = 1; machine <= kMachines; ++machine) {
      machines_->AwaitReady(machine, kReadyWithin);
    }
    Say("three machines are ready", started_);
    StartSwarm(ThreeMachines::kEdgePort);
    for (std::size_t i = 0; i < kClients; ++i) AddMember(i);
    swarm().AwaitJoined();
    StartPublishing();
  }

  static int MachineOf(std::size_t client) { return static_cast<int>(client % kMachines) + 1; }
  // Knows no other machine: it is away as long as its machine is, and comes back with all to catch
  // up.
  static bool IsLoyal(std::size_t client) { return client % 10 == 9; }

  void AddMember(std::size_t i) {
    SwarmClientOptions client;
    client.name = "client-" + std::to_string(i);
    client.groups = {groups_[i % kGroups], groups_[(i + 1 + i / kGroups) % kGroups]};
    client.servers = ThreeMachines::addresses(MachineOf(i));
    if (IsLoyal(i)) client.servers.resize(1);
    client.pong_timeout = Duration(2'000);
    AddClient(std::move(client));
  }

  void StartPublishing() {
    StartSending(kSendingClients, groups_, kPerSecond);
    for (std::uint32_t i = 0; i < kBackEnds; ++i) {
      AddGrpcPublisher(
          ThreeMachines::addresses(static_cast<int>(i) + 1, ThreeMachines::kServicePort),
          kSendingClients + i, groups_, kPerSecond);
    }
    AwaitAcknowledged(kEnough);
  }

  // All who have somewhere to go, or only those of them who began on the machine that was lost, get
  // what was published after the loss.
  void AwaitServed(const std::map<std::string, Position>& heads, int lost, bool all) {
    const auto served = [&](std::size_t i) {
      const bool of_lost = MachineOf(i) == lost;
      if (of_lost ? IsLoyal(i) : !all) return true;
      return swarm().client(i).joined() && swarm().client(i).Behind(heads).empty();
    };
    support::Await(
        "clients are served without the machine",
        [&] {
          bool each = true;
          swarm().Call([&] {
            for (std::size_t i = 0; i < kClients && each; ++i) each = served(i);
          });
          return each;
        },
        kPatience);
  }

  // How the others go on without a machine, from the moment when it was lost.
  void ExpectOthersGoOn(int lost, Clock::time_point since) {
    AwaitAcknowledged(kEnough, kPatience);
    EXPECT_LT(Say("publications are acknowledged again", since), kPublishingAgainWithin);
    const std::map<std::string, Position> heads = swarm().publications().Heads();
    AwaitServed(heads, lost, false);
    EXPECT_LT(Say("clients of the lost machine are served", since), kLostClientsServedWithin);
    AwaitServed(heads, lost, true);
    EXPECT_LT(Say("all clients are served", since), kAllServedWithin);
  }

  // The machine that was lost is whole, and a client that knows only this one gets everything.
  void ExpectBack(int machine, Clock::time_point since) {
    machines().AwaitReady(machine, kReadyWithin);
    Say("the machine is ready again", since);
    SwarmClientOptions client;
    client.name = "client-of-the-returned";
    client.groups = groups_;
    client.servers = {ThreeMachines::address(machine)};
    AddClient(std::move(client));
    swarm().AwaitJoined(kPatience);
    Say("all clients of the machine have joined again", since);
    AwaitAcknowledged(kMore, kPatience);
    swarm().AwaitDelivered();
  }

  void ExpectNothingLost() {
    const Verdict verdict = Finish({}, kPatience);
    EXPECT_EQ(verdict.gaps, 0u);
    EXPECT_GT(verdict.acknowledged, 0u);
    for (int machine = 1; machine <= kMachines; ++machine) {
      EXPECT_EQ(machines().Crashes(machine), "") << "machine " << machine;
    }
    Say("the run has ended", started_);
  }

  void ExpectNothingUnannounced() override {
    for (int machine = 1; machine <= kMachines; ++machine) {
      for (int edge = 1; edge <= ThreeMachines::kEdges; ++edge) {
        EXPECT_EQ(machines().EdgeMetric(machine, edge, "channel_edge_unannounced_positions_total"),
                  0)
            << "edge " << edge << " of machine " << machine;
      }
    }
  }

  ThreeMachines& machines() { return *machines_; }

 private:
  const std::vector<std::string> groups_ = GroupNames(kGroups);
  std::unique_ptr<ThreeMachines> machines_;
  Clock::time_point started_;
};

TEST_F(Machines, NothingIsLostWhenTheMachineOfTheLogsLeaderIsCutOff) {
  const int lost = machines().LeaderOf("CHANNEL");
  machines().Cut(lost);
  const Clock::time_point cut = Clock::now();
  ExpectOthersGoOn(lost, cut);
  RunFor(std::max(Duration(0), std::chrono::duration_cast<Duration>(cut + kCutFor - Clock::now())));
  machines().Heal(lost);
  ExpectBack(lost, Clock::now());
  ExpectNothingLost();
}

TEST_F(Machines, NothingIsLostWhenEverythingOnTheMachineOfTheLogsLeaderDies) {
  const int lost = machines().LeaderOf("CHANNEL");
  machines().Kill(lost);
  const Clock::time_point killed = Clock::now();
  ExpectOthersGoOn(lost, killed);
  const Clock::time_point started = Clock::now();
  machines().Start(lost);
  ExpectBack(lost, started);
  ExpectNothingLost();
}

}  // namespace
}  // namespace faults
