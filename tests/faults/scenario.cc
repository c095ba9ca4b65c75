#include "tests/faults/scenario.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>

namespace faults {

using support::Duration;
using support::TestFailure;

Settings::Settings() {
  if (const char* text = std::getenv("CHANNEL_FAULT_SEED")) seed = std::stoull(text);
  if (const char* text = std::getenv("CHANNEL_FAULT_MINUTES")) minutes = std::stod(text);
  if (const char* text = std::getenv("CHANNEL_FAULT_LONG")) long_form = text != std::string("0");
  if (const char* text = std::getenv("CHANNEL_FAULT_ENGINE_FLAGS")) {
    std::istringstream words(text);
    for (std::string word; words >> word;) engine_flags.push_back(word);
  }
}

bool Settings::HasFlag(const std::string& prefix) const {
  return std::any_of(engine_flags.begin(), engine_flags.end(),
                     [&](const std::string& flag) { return flag.rfind(prefix, 0) == 0; });
}

const Settings& Settings::Get() {
  static const Settings settings;
  return settings;
}

Scenario::Scenario() : random_(Settings::Get().seed) {}

Scenario::~Scenario() { End(); }

// Publishers and clients end before what they talk to.
void Scenario::End() {
  publishers_.clear();
  swarm_.reset();
  deployment_.reset();
  nats_.reset();
}

void Scenario::Deploy(support::DeploymentOptions options, bool proxies) {
  std::cout << "faults: seed=" << seed() << std::endl;
  std::vector<std::string> engine = Settings::Get().engine_flags;
  const bool has_its_own = options.services > 1;
  if (has_its_own) {
    engine.clear();
  } else if (!Settings::Get().engine_in_memory() && !Settings::Get().HasFlag("--nats_url=")) {
    nats_ = std::make_unique<support::NatsServer>();
    engine.push_back("--nats_url=" + nats_->url());
  }
  options.service_flags.insert(options.service_flags.begin(), engine.begin(), engine.end());
  if (proxies) {
    options.edge_upstream = [this](int number, std::uint16_t service_port) {
      std::unique_ptr<FaultProxy>& proxy = proxies_[number];
      if (proxy == nullptr) {
        proxy = std::make_unique<FaultProxy>(service_port, seed() + static_cast<unsigned>(number));
      }
      return proxy->port();
    };
  }
  deployment_ = std::make_unique<support::Deployment>(std::move(options));
  StartSwarm(deployment_->edge_port());
}

void Scenario::StartSwarm(std::uint16_t edge_port) {
  swarm_ = std::make_unique<Swarm>(edge_port, seed());
}

Duration Scenario::Between(int low, int high) {
  return Duration(std::uniform_int_distribution<int>(low, high)(random_));
}

void Scenario::AddClients(std::size_t count, const std::vector<std::string>& groups,
                          std::size_t groups_each) {
  // Each source address has its own 28,000 ports, and those of ended connections rest for a minute.
  constexpr std::size_t kClientsPerAddress = 2'000;
  for (std::size_t i = 0; i < count; ++i) {
    SwarmClientOptions client;
    client.name = "client-" + std::to_string(clients_);
    client.source_address = "127.0.0." + std::to_string(2 + clients_ / kClientsPerAddress);
    for (std::size_t k = 0; k < groups_each; ++k) {
      // Neighbours share their first group, and differ in the others.
      client.groups.push_back(
          groups[(clients_ + k * (1 + clients_ / groups.size())) % groups.size()]);
    }
    std::sort(client.groups.begin(), client.groups.end());
    client.groups.erase(std::unique(client.groups.begin(), client.groups.end()),
                        client.groups.end());
    AddClient(std::move(client));
  }
}

void Scenario::AddClient(SwarmClientOptions client) {
  swarm_->Add(std::move(client));
  ++clients_;
}

void Scenario::StartSending(std::uint32_t count, const std::vector<std::string>& groups,
                            double per_second, std::size_t body_bytes) {
  for (std::uint32_t sender = 0; sender < count; ++sender) {
    swarm_->With(sender, [&](SwarmClient& client) {
      client.StartSending({sender, groups, per_second, 8, body_bytes});
    });
  }
}

void Scenario::AddGrpcPublisher(std::uint32_t sender, const std::vector<std::string>& groups,
                                double per_second) {
  AddGrpcPublisher({"127.0.0.1:" + std::to_string(deployment_->service_port())}, sender, groups,
                   per_second);
}

void Scenario::AddGrpcPublisher(std::vector<std::string> services, std::uint32_t sender,
                                const std::vector<std::string>& groups, double per_second) {
  publishers_.push_back(std::make_unique<GrpcPublisher>(
      GrpcPublisherOptions{std::move(services), sender, groups, per_second, seed() * 1000 + sender},
      swarm_->publications(), swarm_->epochs()));
}

void Scenario::RunFor(Duration time) {
  support::WaitUntil([] { return false; }, time);
}

Duration Scenario::Say(const char* what, support::Clock::time_point since) {
  const auto took = std::chrono::duration_cast<Duration>(support::Clock::now() - since);
  std::cout << "faults: " << what << " after " << took.count() << " ms" << std::endl;
  return took;
}

void Scenario::AwaitAcknowledged(std::size_t more, Duration wait) {
  const std::size_t goal = swarm_->publications().acknowledged() + more;
  support::Await(
      std::to_string(more) + " more acknowledged publications",
      [&] { return swarm_->publications().acknowledged() >= goal; }, wait);
}

void Scenario::Publish(const std::string& group, std::uint32_t count, std::size_t body_bytes) {
  if (service_ == nullptr) {
    service_ = std::make_unique<support::ServiceClient>(deployment_->service_port());
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    const MessageId id{kOwnSender, ++last_number_};
    swarm_->publications().OnSent(id, group);
    const std::string key = "own-" + std::to_string(random_()) + std::to_string(id.number);
    support::Answer<channel::v1::PublishResponse> answer;
    // A service that died just now is noticed with the first call only.
    support::WaitUntil([&] {
      answer = service_->Publish(group, BodyOf(id, body_bytes), key);
      return answer.status.error_code() != grpc::StatusCode::UNAVAILABLE;
    });
    if (!answer.ok()) throw TestFailure("Publish: " + answer.status.error_message());
    const channel::v1::StreamPosition& position = answer.response.position();
    swarm_->publications().OnAcknowledged(
        id, {swarm_->epochs().NumberOf(position.epoch()), position.offset()}, false);
  }
}

void Scenario::StopPublishers() {
  for (const auto& publisher : publishers_) {
    publisher->Stop();
    for (const std::string& refusal : publisher->refusals()) ADD_FAILURE() << refusal;
  }
  swarm_->StopSending();
}

Verdict Scenario::Finish(const CheckOptions& options, Duration settle_wait) {
  StopPublishers();
  try {
    swarm_->Settle(settle_wait);
  } catch (const TestFailure& failure) {
    ADD_FAILURE() << failure.what();  // the history says more
  }
  ExpectNothingUnannounced();
  const SwarmClient::Counts counts = swarm_->Counts();
  history_ = swarm_->TakeHistory();
  const Verdict verdict = Check(history_, options);
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::cout << "faults: seed=" << seed() << " clients=" << clients_ << " " << verdict.Summary()
            << " connects=" << counts.connects << " resumes=" << counts.resumes
            << " retries=" << counts.retryable_errors << " test=" << test->name() << std::endl;
  EXPECT_TRUE(verdict.ok());
  for (const std::string& problem : verdict.problems) ADD_FAILURE() << problem;
  constexpr std::size_t kShown = 5;
  for (std::size_t i = 0; i < std::min(kShown, counts.surprises.size()); ++i) {
    ADD_FAILURE() << counts.surprises[i];
  }
  return verdict;
}

void Scenario::ExpectNothingUnannounced() {
  for (support::Node& edge : deployment_->edges()) {
    if (!edge.process->Running()) continue;
    EXPECT_EQ(edge.Metric("channel_edge_unannounced_positions_total"), 0) << edge.name;
  }
}

std::vector<std::string> GroupNames(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back("g" + std::to_string(i));
  return names;
}

}  // namespace faults
