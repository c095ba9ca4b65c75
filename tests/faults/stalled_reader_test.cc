// Clients that stop reading: closed, resumed without a hole, and of no concern to the others.

#include <algorithm>
#include <fstream>
#include <iostream>

#include "tests/faults/scenario.h"

namespace faults {
namespace {

constexpr std::size_t kOthers = 10;
constexpr std::size_t kStalling = 3;
constexpr int kPhases = 3;
constexpr double kPerSecond = 150;
constexpr std::size_t kBodyBytes = 10'000;
constexpr std::size_t kQueueBytesMax = 256 << 10;
constexpr int kSlowConsumer = 4008;
constexpr double kMemoryGrowthMax = (kSanitized ? 400.0 : 32.0) * 1024 * 1024;

// More than the kernel takes for a client that does not read, and its queue on the edge.
std::size_t TooManyPublications() {
  std::ifstream file("/proc/sys/net/ipv4/tcp_wmem");
  std::size_t least = 0;
  std::size_t usual = 0;
  std::size_t most = 0;
  if (!(file >> least >> usual >> most)) throw support::TestFailure("tcp_wmem cannot be read");
  return (most + 2 * kQueueBytesMax) / kBodyBytes;
}

class StalledReader : public Scenario {
 protected:
  void SetUp() override {
    support::DeploymentOptions options;
    options.edge_flags = {"--session_queue_bytes_max=" + std::to_string(kQueueBytesMax)};
    // All that a stalled client misses, with what the kernel's buffers take, is still held.
    options.service_flags = {"--history_publications_max=100000", "--history_bytes_max=268435456",
                             "--subscriber_queue_bytes_max=536870912"};
    Deploy(std::move(options));
    for (std::size_t i = 0; i < kStalling + kOthers; ++i) {
      SwarmClientOptions client{"reader-" + std::to_string(i), "", {"flood"}, {}};
      if (i < kStalling) client.receive_buffer_bytes = 4'096;
      AddClient(std::move(client));
    }
    AddClient({"publisher", "", {}, {}});
    swarm().AwaitJoined();
    swarm().With(swarm().size() - 1, [](SwarmClient& client) {
      client.StartSending({1, {"flood"}, kPerSecond, 64, kBodyBytes});
    });
    AwaitAcknowledged(100);
  }

  void SetReading(bool reading) {
    for (std::size_t i = 0; i < kStalling; ++i) {
      swarm().With(i, [reading](SwarmClient& client) { client.SetReading(reading); });
    }
  }
  double Memory() { return deployment().edge(1).Metric("channel_process_resident_memory_bytes"); }
  // Clients that always read have all that is acknowledged by now.
  void AwaitOthersDelivered() {
    const std::map<std::string, Position> heads = swarm().publications().Heads();
    support::Await("the others have everything", [&] {
      bool all = true;
      swarm().Call([&] {
        for (std::size_t i = kStalling; i < kStalling + kOthers; ++i) {
          all = all && swarm().client(i).Behind(heads).empty();
        }
      });
      return all;
    });
  }
};

TEST_F(StalledReader, IsClosedResumesWithoutAHoleAndHoldsNobodyUp) {
  double growth = 0;
  const double memory = Memory();
  for (int i = 0; i < kPhases; ++i) {
    SetReading(false);
    AwaitAcknowledged(TooManyPublications(), std::chrono::seconds(60));
    AwaitOthersDelivered();
    growth = std::max(growth, Memory() - memory);

    SetReading(true);
    support::Await("the stalled ones were closed and are back", [&] {
      return swarm().Counts().closes[kSlowConsumer] >= kStalling * static_cast<unsigned>(i + 1) &&
             swarm().joined() == swarm().size();
    });
    swarm().AwaitDelivered();
  }

  const Verdict verdict = Finish();
  EXPECT_EQ(verdict.gaps, 0u);
  EXPECT_LT(growth, kMemoryGrowthMax);
  std::cout << "faults: memory grew by " << growth / 1e6 << " MB" << std::endl;
}

using ReaderStalledForLong = StalledReader;  // a test of its own: it only waits

// It does not even take the close frame; the edge gives it up, and much is missing by then.
TEST_F(ReaderStalledForLong, StillResumesWithoutAHole) {
  for (int i = 0; i < 2; ++i) {
    SetReading(false);
    support::Await(
        "the stalled ones are given up",
        [&] { return deployment().edge(1).Metric("channel_edge_sessions") == kOthers + 1; },
        std::chrono::seconds(60));
    AwaitAcknowledged(500);
    SetReading(true);
    support::Await("the stalled ones are back", [&] {
      return swarm().Counts().resumes >= kStalling * static_cast<unsigned>(i + 1) &&
             swarm().joined() == swarm().size();
    });
  }
  const Verdict verdict = Finish();
  EXPECT_EQ(verdict.gaps, 0u);
}

}  // namespace
}  // namespace faults
