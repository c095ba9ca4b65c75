// Shared by all fault scenarios: settings, real processes with a proxy before each edge, the end.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/faults/checker.h"
#include "tests/faults/fault_proxy.h"
#include "tests/faults/grpc_publisher.h"
#include "tests/faults/swarm.h"
#include "tests/support/deployment.h"
#include "tests/support/nats_server.h"
#include "tests/support/service_client.h"

namespace faults {

#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// From the environment.
struct Settings {
  Settings();

  std::uint64_t seed = 20'250'301;           // CHANNEL_FAULT_SEED
  double minutes = kSanitized ? 0.33 : 1.0;  // CHANNEL_FAULT_MINUTES, of the random scenario
  bool long_form = false;                    // CHANNEL_FAULT_LONG=1, of the large scenarios
  // CHANNEL_FAULT_ENGINE_FLAGS, separated by spaces: the scenarios run with another engine. With
  // --engine=nats and no --nats_url each has a nats-server of its own.
  std::vector<std::string> engine_flags;

  bool engine_in_memory() const { return !HasFlag("--engine=nats"); }
  bool HasFlag(const std::string& prefix) const;

  static const Settings& Get();
};

class Scenario : public ::testing::Test {
 protected:
  Scenario();
  ~Scenario() override;

  // Starts the processes; several services bring their engine's flags along. With `proxies`, each
  // edge reaches the service through proxy(number).
  void Deploy(support::DeploymentOptions options, bool proxies = false);
  // Instead of Deploy, for processes that the scenario starts itself; `edge_port` is that of all.
  void StartSwarm(std::uint16_t edge_port);
  support::Deployment& deployment() { return *deployment_; }
  Swarm& swarm() { return *swarm_; }
  // `edge_number` counts from 1.
  FaultProxy& proxy(int edge_number) { return *proxies_.at(edge_number); }
  std::uint64_t seed() const { return Settings::Get().seed; }
  std::mt19937_64& random() { return random_; }
  // A random number of milliseconds in [low, high].
  support::Duration Between(int low, int high);

  // `count` clients, each in `groups_each` of `groups`, spread evenly.
  void AddClients(std::size_t count, const std::vector<std::string>& groups,
                  std::size_t groups_each = 1);
  void AddClient(SwarmClientOptions client);
  // The first `count` clients publish, as the senders 0 … count - 1.
  void StartSending(std::uint32_t count, const std::vector<std::string>& groups, double per_second,
                    std::size_t body_bytes = 0);
  // A publisher of its own that speaks gRPC with the service.
  void AddGrpcPublisher(std::uint32_t sender, const std::vector<std::string>& groups,
                        double per_second);
  // … with services that the scenario started itself.
  void AddGrpcPublisher(std::vector<std::string> services, std::uint32_t sender,
                        const std::vector<std::string>& groups, double per_second);
  // Publishes over gRPC, one after the other, from this thread.
  void Publish(const std::string& group, std::uint32_t count, std::size_t body_bytes = 0);
  // Lets the run go on for so long; faults have a length, and this is it.
  void RunFor(support::Duration time);
  // Prints how long ago `since` is, and that this has happened.
  static support::Duration Say(const char* what, support::Clock::time_point since);
  // Until so many more publications were acknowledged.
  void AwaitAcknowledged(std::size_t more, support::Duration wait = support::kPatience);

  // Publishers stop, everything arrives, the history is judged, the summary printed. Fails the test
  // for every defect.
  Verdict Finish(const CheckOptions& options = {},
                 support::Duration settle_wait = std::chrono::seconds(30));
  // Ends all processes; for scenarios with something of their own that must outlive them.
  void End();
  // The history of the finished run.
  const History& history() const { return history_; }

  // The sender of Publish.
  static constexpr std::uint32_t kOwnSender = 1'000;
  std::uint32_t NextNumber() const { return last_number_ + 1; }
  // Nobody begins a new publication; the answers of the last ones may be under way.
  void StopPublishers();

  // Asks the edges' own counters.
  virtual void ExpectNothingUnannounced();

 private:
  std::mt19937_64 random_;
  std::map<int, std::unique_ptr<FaultProxy>> proxies_;
  std::unique_ptr<support::NatsServer> nats_;
  std::unique_ptr<support::Deployment> deployment_;
  std::unique_ptr<Swarm> swarm_;
  std::vector<std::unique_ptr<GrpcPublisher>> publishers_;
  std::size_t clients_ = 0;
  std::unique_ptr<support::ServiceClient> service_;
  std::uint32_t last_number_ = 0;  // of kOwnSender
  History history_;
};

// "g0" … "g<count - 1>".
std::vector<std::string> GroupNames(std::size_t count);

}  // namespace faults
