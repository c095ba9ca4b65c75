#include "tests/fuzz/simulation.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/sim_client.h"
#include "tests/fuzz/sim_edge.h"
#include "tests/fuzz/sim_service.h"
#include "tests/fuzz/sim_talk.h"
#include "tests/fuzz/sim_trace.h"
#include "tests/fuzz/sim_wire.h"

namespace fuzz {
namespace {

constexpr size_t kEdges = 2;
constexpr size_t kEnvelopedClients = 4;
constexpr size_t kPlainClients = 2;
// Bytes that the sender's side of a socket pair takes: the smallest that Linux grants.
constexpr int kSmallBuffer = 1;
// Bytes of all recent publications of an edge.
constexpr size_t kRingBytesSmall = 1'000;
// A step of everybody moves at most so much; more would be a loop without an end.
constexpr int kMovesMax = 1'000'000;

class Simulation {
 public:
  Simulation(std::string_view bytes, bool trace)
      : input_(bytes),
        trace_(trace),
        choice_(input_.Byte()),
        service_(service_limits_, clock_, /*shared_log=*/(choice_ & 128) != 0) {
    ChooseLimits();
    for (size_t i = 0; i < kEdges; ++i) {
      edges_.push_back(std::make_unique<SimEdge>(loop_, "edge-" + std::to_string(i + 1), service_,
                                                 clock_, edge_limits_, trace));
    }
    for (size_t i = 0; i < kEnvelopedClients + kPlainClients; ++i) {
      const bool enveloped = i < kEnvelopedClients;
      clients_.push_back(std::make_unique<SimClient>(
          (enveloped ? "client " : "plain client ") + std::to_string(i), enveloped, service_,
          edge_limits_.recent_bytes_max > kRingBytesSmall, trace));
    }
    for (const auto& edge : edges_) edge->wire().Connect();
  }

  SimulationResult Run() {
    while (!input_.empty()) {
      trace_.SetStep(++result_.steps);
      Step();
      Settle();
    }
    Finish();
    result_.publications = service_.accepted();
    result_.events = frames();
    return result_;
  }

 private:
  void ChooseLimits() {
    const uint8_t choice = choice_;
    service_limits_.history_publications_max = (choice & 1) != 0 ? 4 : 64;
    service_limits_.new_epoch_grace = std::chrono::seconds((choice & 2) != 0 ? 5 : 0);
    service_limits_.history_age_max = std::chrono::seconds(60);
    // At least twice what a group may have missed (ServiceLimits::Check).
    service_limits_.history_bytes_max = 16'000;
    service_limits_.subscriber_queue_bytes_max = (choice & 4) != 0 ? 40'000 : 1 << 20;
    edge_limits_.recent_bytes_max = (choice & 8) != 0 ? kRingBytesSmall : 64 << 20;
    edge_limits_.session_queue_bytes_max = (choice & 16) != 0 ? 4'000 : 1 << 20;
    edge_limits_.publish_queue_bytes_max = (choice & 32) != 0 ? 3'000 : 1 << 20;
    edge_limits_.groups_per_connection_max = (choice & 64) != 0 ? 2 : 128;
    if ((choice & 128) != 0) edge_limits_.pace.commands = {.per_second = 20, .burst = 10};
    talk_ = std::make_unique<SimTalk>(input_, service_, trace_,
                                      std::min(kSimGroups, edge_limits_.groups_per_connection_max),
                                      [this] { Settle(); });
  }

  void Step() {
    const uint8_t choice = input_.Byte();
    if (choice < 96) {
      MoveLink();
    } else if (choice < 192) {
      MoveClient();
    } else if (choice < 212) {
      PublishFromService();
    } else if (choice < 228) {
      MoveAllOf(*edges_[input_.Below(kEdges)]);
    } else {
      Disturb();
    }
  }

  size_t steps() const {
    return service_.shares_log() ? SimWire::kStepsWithSharedLog : SimWire::kSteps;
  }
  SimEdge& AnyEdge() { return *edges_[input_.Below(kEdges)]; }

  void MoveLink() {
    const size_t edge = input_.Below(kEdges);
    const auto step = static_cast<int>(input_.Below(steps()));
    SimEdge& moved = *edges_[edge];
    const bool some = moved.wire().Step(step);
    if (some) trace_("link %zu step %d", edge, step);
  }

  // Everything that can happen on the way of this edge, in an orderly way.
  void MoveAllOf(SimEdge& edge) {
    trace_("all of a link");
    bool some = true;
    for (int moves = 0; some; ++moves) {
      if (moves > kMovesMax) Fail("it never comes to rest");
      some = false;
      for (int step = 0; step < static_cast<int>(steps()); ++step) {
        some |= edge.wire().Step(step);
      }
      Settle();
    }
  }

  void MoveClient() {
    SimClient& client = *clients_[input_.Below(clients_.size())];
    if (!client.connected()) {
      const size_t edge = input_.Below(kEdges);
      client.Connect(edges_[edge].get(), input_.Chance(2) ? kSmallBuffer : 0);
      trace_("%s connects to %zu", client.name().c_str(), edge);
      Settle();
      if (client.enveloped()) talk_->ResumeAll(client);
    } else {
      talk_->Say(client);
    }
  }

  void PublishFromService() {
    const std::string group = talk_->AnyGroup();
    const size_t count = 1 + input_.Below(6);
    for (size_t i = 0; i < count && service_.up(); ++i) PublishOne(group, talk_->NewMessage(group));
  }

  void PublishOne(const std::string& group, const std::string& message) {
    channel::PublishInput input;
    input.group_id = group;
    input.body = message;
    if (input_.Chance(8)) input.kind = channel::BodyKind::kData;
    const auto outcome = service_.Publish(input);
    trace_("the service publishes %.20s at %llu", message.c_str(),
           static_cast<unsigned long long>(outcome.offset));
  }

  void Disturb() {
    switch (input_.Below(8)) {
      case 0:
        trace_("a link is lost");
        return AnyEdge().wire().Lose();
      case 1:
      case 2:
        for (const auto& edge : edges_) edge->wire().Connect();
        trace_("the links are up");
        return;
      case 3: {
        SimClient& client = *clients_[input_.Below(clients_.size())];
        trace_("%s vanishes", client.name().c_str());
        return client.Vanish();
      }
      case 4:
        if (input_.Chance(4)) KillService();
        return;
      case 5:
        if (!service_.up()) service_.Start();
        return;
      case 6:
        if (service_.shares_log()) return service_.LoseOnTheWay(talk_->AnyGroup());
        return PassTime();
      default:
        return PassTime();
    }
  }

  void KillService() {
    if (!service_.up()) return;
    trace_("the service dies");
    for (const auto& edge : edges_) edge->wire().Lose();
    service_.Die();
  }

  void PassTime() {
    static constexpr std::chrono::milliseconds kTimes[] = {
        std::chrono::milliseconds(100), std::chrono::seconds(1),  std::chrono::seconds(6),
        std::chrono::seconds(11),       std::chrono::seconds(70), std::chrono::seconds(150)};
    const auto time = kTimes[input_.Below(std::size(kTimes))];
    trace_("%lld ms pass", static_cast<long long>(time.count()));
    clock_.Step(time);
    Tick();
  }

  void Tick() {
    service_.Tick();
    for (const auto& edge : edges_) edge->Tick();
  }

  // Loop and clients, until nothing is ready any more.
  void Settle() {
    bool some = true;
    for (int turns = 0; some; ++turns) {
      if (turns > kMovesMax) Fail("it never comes to rest");
      loop_.restart();
      some = loop_.poll() > 0;
      for (const auto& client : clients_) some |= client->Read();
    }
  }

  // All links are up, and time goes by until nobody gets anything any more, nor waits for an answer
  // that is not overdue.
  void Repair() {
    constexpr int kIdleRounds = 3;
    const auto overdue = clock_.Now() + 2 * edge_limits_.publish_timeout;
    for (int idle = 0; idle < kIdleRounds; ++idle) {
      const size_t before = frames();
      for (const auto& edge : edges_) {
        edge->wire().Connect();
        MoveAllOf(*edge);
      }
      // Members that were slow go on at a tick.
      clock_.Step(std::chrono::milliseconds(100));
      Tick();
      Settle();
      // A publication may be under way although its client is gone.
      const bool waits =
          clock_.Now() < overdue &&
          (std::any_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->waits_for_answers(); }) ||
           std::any_of(edges_.begin(), edges_.end(),
                       [](const auto& edge) { return edge->wire().unanswered() > 0; }));
      if (frames() != before || waits) idle = 0;
    }
  }

  size_t frames() const {
    size_t sum = 0;
    for (const auto& client : clients_) sum += client->frames();
    return sum;
  }

  // Everything is repaired; then nothing may be missing.
  void Finish() {
    trace_("the end begins");
    if (!service_.up()) service_.Start();
    for (const auto& client : clients_) client->SetPaused(false);
    Repair();
    for (size_t i = 0; i < kSimGroups; ++i) {
      const std::string group = "g" + std::to_string(i);
      PublishOne(group, talk_->NewMessage(group));
    }
    Repair();
    for (const auto& edge : edges_) trace_("%s", edge->wire().Describe().c_str());
    for (const auto& client : clients_) client->CheckComplete();
    for (const auto& edge : edges_) {
      if (edge->unannounced_positions() != 0) Fail("the edge has let a hole through");
    }
    for (const auto& client : clients_) client->Vanish();
    Settle();
  }

  FuzzInput input_;
  SimTrace trace_;
  const uint8_t choice_;
  SimulationResult result_;
  channel::ServiceLimits service_limits_;
  edge::EdgeLimits edge_limits_;
  channel::test::FakeClock clock_;
  boost::asio::io_context loop_{1};
  SimService service_;
  std::vector<std::unique_ptr<SimEdge>> edges_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::unique_ptr<SimTalk> talk_;
};

}  // namespace

SimulationResult RunSimulation(std::string_view bytes, bool trace) {
  spdlog::set_level(trace ? spdlog::level::warn : spdlog::level::off);
  return Simulation(bytes, trace).Run();
}

}  // namespace fuzz
