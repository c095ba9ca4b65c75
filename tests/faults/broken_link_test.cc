// Links between edges and the service that lie, or hear in one direction only.

#include <iostream>

#include "tests/faults/scenario.h"

namespace faults {
namespace {

using support::Duration;

constexpr std::size_t kClients = 60;
// A link that is stuck is noticed by a keepalive, or by publications that are not answered.
constexpr Duration kRepairedWithin{30'000};

class BrokenLink : public Scenario {
 protected:
  void StartAll(int edges, double per_second) {
    support::DeploymentOptions options;
    options.edges = edges;
    Deploy(std::move(options), /*proxies=*/true);
    AddClients(kClients, groups_, 2);
    swarm().AwaitJoined();
    StartSending(4, groups_, per_second, 200);
    AddGrpcPublisher(4, groups_, per_second);
    AwaitAcknowledged(50);
  }

  bool FreshJoined() {
    bool joined = true;
    swarm().Call([&] {
      for (std::size_t i = kClients; i < swarm().size(); ++i) {
        joined = joined && swarm().client(i).joined();
      }
    });
    return joined;
  }

  void ExpectOnceEach(std::uint32_t first) {
    const auto missing = [&] { return MissingOrTwice(first); };
    EXPECT_TRUE(support::WaitUntil([&] { return missing().empty(); }, kRepairedWithin))
        << missing();
  }

  // Which member has not got each of the own publications from `first` on exactly once; empty if
  // none.
  std::string MissingOrTwice(std::uint32_t first) {
    std::map<std::string, std::vector<MessageId>> expected;
    for (const PublicationLog& publication : swarm().publications().Copy()) {
      if (publication.id.sender == kOwnSender && publication.id.number >= first) {
        expected[publication.group].push_back(publication.id);
      }
    }
    std::string fault;
    swarm().Call([&] {
      for (std::size_t number = 0; number < swarm().size() && fault.empty(); ++number) {
        const SwarmClient& client = swarm().client(number);
        for (std::size_t i = 0; i < client.logs_count(); ++i) {
          const MemberLog& log = client.log(i);
          std::vector<MessageId> got;
          for (const MemberEvent& event : log.events) {
            if (event.id && event.id->sender == kOwnSender && event.id->number >= first) {
              got.push_back(*event.id);
            }
          }
          if (got == expected[log.group]) continue;
          fault = log.name + " in " + log.group + " on " + client.edge() + " has " +
                  std::to_string(got.size()) + " of " + std::to_string(expected[log.group].size());
        }
      }
    });
    return fault;
  }

  const std::vector<std::string> groups_ = GroupNames(6);
};

// TCP's checksum finds nearly all of this in real life, and nothing else protects the link: what
// passes a lying one can be false, positions too. But no process falls, links come back, a position
// that cannot be is set right when its group is resumed, and then everything is well.
TEST_F(BrokenLink, AfterBitsHaveFlippedEverythingIsWellAgain) {
  constexpr int kEdges = 2;
  StartAll(kEdges, 100);
  for (const std::size_t flip_every_bytes : {100'000, 30'000, 10'000}) {
    LinkFaults corrupting;
    corrupting.flip_every_bytes = flip_every_bytes;
    proxy(1).Set(Way::kDown, corrupting);
    proxy(2).Set(Way::kBoth, corrupting);
    RunFor(Duration(2'000));
  }
  std::uint64_t flipped = 0;
  for (int edge = 1; edge <= kEdges; ++edge) {
    proxy(edge).Heal();
    proxy(edge).Cut(CutKind::kReset);
    flipped += proxy(edge).counts().flipped;
  }
  std::cout << "faults: " << flipped << " bits flipped" << std::endl;
  EXPECT_GT(flipped, 5u);
  StopPublishers();

  AddClients(10, {"fresh"});
  support::Await("fresh members", [&] { return FreshJoined(); });
  const std::uint32_t first = NextNumber();
  Publish("fresh", 10);
  ExpectOnceEach(first);

  const std::uint32_t first_of_old = NextNumber();
  for (const std::string& group : groups_) Publish(group, 10);
  ExpectOnceEach(first_of_old);
  for (support::Node& edge : deployment().edges()) EXPECT_TRUE(edge.process->Running());
  EXPECT_TRUE(deployment().service().process->Running());
}

// Edge 1 speaks and hears nothing, edge 2 hears and cannot speak, both for longer than a keepalive
// takes to notice; edge 3 is well.
TEST_F(BrokenLink, AHalfOpenLinkIsNoticedAndRepaired) {
  StartAll(3, 5);
  LinkFaults stopped;
  stopped.stopped = true;
  proxy(1).Set(Way::kDown, stopped);
  proxy(2).Set(Way::kUp, stopped);
  for (int edge = 1; edge <= 2; ++edge) {
    support::Await(
        "edge " + std::to_string(edge) + " knows that it is cut off",
        [&] { return deployment().edge(edge).Metric("channel_edge_upstream_up") == 0; },
        std::chrono::seconds(30));
  }
  proxy(1).Heal();
  proxy(2).Heal();
  const Verdict verdict = Finish();
  EXPECT_EQ(verdict.gaps, 0u);
}

}  // namespace
}  // namespace faults
