// A client that was away for longer than the history reaches back.

#include "tests/faults/scenario.h"

namespace faults {
namespace {

constexpr std::uint32_t kHeld = 100;
constexpr std::uint32_t kMissed = 500;
constexpr std::uint32_t kAround = 20;  // before and after

class Retention : public Scenario {
 protected:
  void SetUp() override {
    support::DeploymentOptions options;
    options.service_flags = {"--history_publications_max=" + std::to_string(kHeld),
                             "--new_epoch_grace=0s"};
    Deploy(std::move(options));
  }

  // Client 0 of group "kept" is away for kMissed publications.
  Verdict BeAway() {
    swarm().AwaitJoined();
    Publish("kept", kAround);
    swarm().AwaitDelivered();
    swarm().With(0, [](SwarmClient& client) { client.GoAway(); });
    Publish("kept", kMissed);
    Publish("other", kAround);  // offsets are not dense
    swarm().With(0, [](SwarmClient& client) { client.ComeBack(); });
    swarm().AwaitDelivered();
    Publish("kept", kAround);
    CheckOptions exact;
    exact.exact_gaps = true;
    const Verdict verdict = Finish(exact);
    EXPECT_EQ(verdict.gaps, 1u);
    for (const MemberEvent& event : history().members[0].events) {
      if (event.kind == MemberEvent::Kind::kGap) {
        EXPECT_EQ(event.reason, GapReason::kRetention);
      }
    }
    return verdict;
  }
};

TEST_F(Retention, OneGapNamesExactlyWhatIsGone) {
  AddClients(1, {"kept"});
  EXPECT_EQ(BeAway().in_gaps, kMissed - kHeld);
}

TEST_F(Retention, OneGapNamesExactlyWhatIsGoneWhileTheEdgeServesOthers) {
  AddClients(3, {"kept"});
  // The edge may remember more than the service holds, never less.
  const Verdict verdict = BeAway();
  EXPECT_GT(verdict.in_gaps, 0u);
  EXPECT_LE(verdict.in_gaps, kMissed - kHeld);
}

}  // namespace
}  // namespace faults
