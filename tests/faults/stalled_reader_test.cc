// Clients that stop reading: closed, resumed without a hole, and of no concern to the others.

#include <algorithm>
#include <iostream>
#include <sstream>

#include "tests/faults/scenario.h"

namespace faults {
namespace {

using support::Duration;

constexpr std::size_t kOthers = 10;
constexpr std::size_t kStalling = 3;
constexpr int kPhases = 3;  // of each kind, in turns
constexpr Duration kCalmPhase{2'500};
constexpr double kPerSecond = 150;
constexpr std::size_t kBodyBytes = 10'000;
constexpr std::size_t kQueueBytesMax = 256 << 10;
constexpr std::size_t kLongQueueBytes = kQueueBytesMax / 4 * 3;
constexpr const char* kQueuedField = "queued_bytes=";
constexpr int kSlowConsumer = 4008;
constexpr double kMemoryGrowthMax = (kSanitized ? 400.0 : 32.0) * 1024 * 1024;
// Below this a 99th percentile says more about two busy cores than about the edge.
constexpr std::chrono::microseconds kLatencyFloor{10'000};

struct Phase {
  Time begin;
  Time end;
  bool stalled;
};

class StalledReader : public Scenario {
 protected:
  void SetUp() override {
    support::DeploymentOptions options;
    options.edge_flags = {"--session_queue_bytes_max=" + std::to_string(kQueueBytesMax)};
    // What a stalled client misses, with all that the kernel's buffers take, is still held.
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
  // Connections for which so much waits in the edge.
  std::size_t LongQueues() {
    std::istringstream lines(
        support::HttpGet(deployment().edge(1).admin_port, "/connections").body);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) {
      const std::size_t at = line.find(kQueuedField);
      if (at == std::string::npos) throw support::TestFailure("unknown: " + line);
      const std::size_t bytes = std::stoull(line.substr(at + std::string(kQueuedField).size()));
      count += bytes >= kLongQueueBytes ? 1 : 0;
    }
    return count;
  }

  // 99th percentile of the way from the publisher to those who always read: of the best phase of
  // its kind, as other work of the machine slows down one or the other.
  std::chrono::microseconds Latency(const std::vector<Phase>& phases, bool stalled) {
    std::map<MessageId, Time> sent;
    for (const PublicationLog& publication : history().publications) {
      sent[publication.id] = publication.sent;
    }
    std::chrono::microseconds best = std::chrono::microseconds::max();
    for (const Phase& phase : phases) {
      if (phase.stalled != stalled) continue;
      std::vector<std::chrono::microseconds> latencies;
      for (std::size_t member = kStalling; member < kStalling + kOthers; ++member) {
        for (const MemberEvent& event : history().members[member].events) {
          if (event.kind != MemberEvent::Kind::kMessage || !event.id) continue;
          const Time begin = sent[*event.id];
          if (begin < phase.begin || begin >= phase.end) continue;
          latencies.push_back(
              std::chrono::duration_cast<std::chrono::microseconds>(event.when - begin));
        }
      }
      if (latencies.empty()) throw support::TestFailure("nothing was published in a phase");
      std::sort(latencies.begin(), latencies.end());
      best = std::min(best, latencies[latencies.size() * 99 / 100]);
    }
    return best;
  }
};

TEST_F(StalledReader, IsClosedResumesWithoutAHoleAndSlowsNobodyDown) {
  std::vector<Phase> phases;
  double growth = 0;
  const double memory = Memory();
  for (int i = 0; i < kPhases; ++i) {
    Time begin = std::chrono::steady_clock::now();
    RunFor(kCalmPhase);
    Time end = std::chrono::steady_clock::now();
    phases.push_back({begin, end, false});

    SetReading(false);
    begin = std::chrono::steady_clock::now();
    support::Await(
        "the kernel takes no more for the stalled ones", [&] { return LongQueues() == kStalling; },
        std::chrono::seconds(60));
    // What does not fit into the rest of their queues closes them.
    AwaitAcknowledged(2 * kQueueBytesMax / kBodyBytes);
    growth = std::max(growth, Memory() - memory);
    end = std::chrono::steady_clock::now();
    phases.push_back({begin, end, true});

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
  const auto calm = Latency(phases, false);
  const auto stalled = Latency(phases, true);
  std::cout << "faults: p99 of the others " << calm.count() << " us calm, " << stalled.count()
            << " us while others stall; memory grew by " << growth / 1e6 << " MB" << std::endl;
  EXPECT_LE(stalled, 2 * std::max(calm, kLatencyFloor));
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
