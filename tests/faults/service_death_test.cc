// The channel service dies with its log, again and again.

#include "tests/faults/scenario.h"

namespace faults {
namespace {

using support::Clock;
using support::Duration;

constexpr int kRounds = 4;
constexpr Duration kUsableAgainWithin{kSanitized ? 10'000 : 3'000};

class ServiceDeath : public Scenario {};

TEST_F(ServiceDeath, WhatItTookAlongIsAnnouncedAndNothingComesTwice) {
  if (!Settings::Get().engine_in_memory()) GTEST_SKIP() << "the log does not die with the service";
  support::DeploymentOptions options;
  options.edges = 3;
  Deploy(std::move(options), /*proxies=*/true);
  const std::vector<std::string> groups = GroupNames(6);
  AddClients(60, groups, 2);
  swarm().AwaitJoined();
  StartSending(3, groups, 40);
  AddGrpcPublisher(3, groups, 40);

  for (int round = 0; round < kRounds; ++round) {
    AwaitAcknowledged(50);
    // Edge 1 hears nothing any more: what is acknowledged now is gone for its members.
    LinkFaults stopped;
    stopped.stopped = true;
    proxy(1).Set(Way::kDown, stopped);
    AwaitAcknowledged(50);
    deployment().service().process->Kill();
    proxy(1).Cut(CutKind::kReset);
    proxy(1).Heal();
    deployment().StartServiceAgain();
    const Clock::time_point back = Clock::now();
    for (const std::string& group : groups) Publish(group, 1);
    swarm().AwaitDelivered();
    swarm().AwaitJoined();
    EXPECT_LT(Say("usable again", back), kUsableAgainWithin);
  }

  const Verdict verdict = Finish();
  EXPECT_GT(verdict.in_gaps, 0u) << "nothing was lost: this shows nothing";
  for (const MemberLog& member : history().members) {
    int gaps = 0;
    for (const MemberEvent& event : member.events) {
      if (event.kind != MemberEvent::Kind::kGap) continue;
      EXPECT_EQ(event.reason, GapReason::kEpoch) << member.name;
      ++gaps;
    }
    EXPECT_EQ(gaps, kRounds) << member.name << " in " << member.group;
  }
}

}  // namespace
}  // namespace faults
