#include "tests/fuzz/simulation.h"

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/sim_client.h"
#include "tests/fuzz/sim_edge.h"
#include "tests/fuzz/sim_link.h"
#include "tests/fuzz/sim_service.h"

namespace fuzz {
namespace {

using Kind = EnvelopedView::Kind;
using Position = EnvelopedView::Position;

constexpr size_t kEdges = 2;
constexpr size_t kEnvelopedClients = 4;
constexpr size_t kPlainClients = 2;
constexpr size_t kGroups = 3;
// Of the sender's side of a socket pair: the smallest that Linux grants.
constexpr int kSmallBuffer = 1;
// A step of everybody moves at most so much; more would be a loop without an end.
constexpr int kMovesMax = 1'000'000;

class Simulation {
 public:
  Simulation(std::string_view bytes, bool trace) : input_(bytes), trace_(trace) {
    ChooseLimits();
    for (size_t i = 0; i < kEdges; ++i) {
      edges_.push_back(std::make_unique<SimEdge>(loop_, "edge-" + std::to_string(i + 1), service_,
                                                 clock_, edge_limits_, trace));
    }
    for (size_t i = 0; i < kEnvelopedClients + kPlainClients; ++i) {
      const bool enveloped = i < kEnvelopedClients;
      clients_.push_back(
          std::make_unique<SimClient>((enveloped ? "client " : "plain client ") + std::to_string(i),
                                      enveloped, service_, trace));
    }
    for (const auto& edge : edges_) edge->link().Connect();
  }

  SimulationResult Run() {
    while (!input_.empty()) {
      ++result_.steps;
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
    const uint8_t choice = input_.Byte();
    service_limits_.history_publications_max = (choice & 1) != 0 ? 4 : 64;
    service_limits_.new_epoch_grace = std::chrono::seconds((choice & 2) != 0 ? 5 : 0);
    service_limits_.history_age_max = std::chrono::seconds(60);
    // At least twice what a group may have missed (ServiceLimits::Check).
    service_limits_.history_bytes_max = 16'000;
    service_limits_.subscriber_queue_bytes_max = (choice & 4) != 0 ? 40'000 : 1 << 20;
    edge_limits_.recent_bytes_max = (choice & 8) != 0 ? 1'000 : 1 << 20;
    edge_limits_.session_queue_bytes_max = (choice & 16) != 0 ? 4'000 : 1 << 20;
    edge_limits_.publish_queue_bytes_max = (choice & 32) != 0 ? 3'000 : 1 << 20;
    edge_limits_.groups_per_connection_max = (choice & 64) != 0 ? 2 : 128;
    plain_groups_max_ = std::min(kGroups, edge_limits_.groups_per_connection_max);
  }

  template <typename... Arguments>
  void Trace(const char* format, Arguments... arguments) {
    if (!trace_) return;
    std::fprintf(stderr, "%4zu ", result_.steps);
    if constexpr (sizeof...(arguments) == 0) {
      std::fputs(format, stderr);
    } else {
      std::fprintf(stderr, format, arguments...);
    }
    std::fprintf(stderr, "\n");
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

  SimEdge& AnyEdge() { return *edges_[input_.Below(kEdges)]; }
  std::string AnyGroup() { return "g" + std::to_string(input_.Below(kGroups)); }

  void MoveLink() {
    const size_t edge = input_.Below(kEdges);
    const auto step = static_cast<int>(input_.Below(SimLink::kSteps));
    SimEdge& moved = *edges_[edge];
    const bool some = moved.link().Step(step, &moved.router());
    if (some) Trace("link %zu step %d", edge, step);
  }

  // Everything that can happen on the way of this edge, in an orderly way.
  void MoveAllOf(SimEdge& edge) {
    Trace("all of a link");
    bool some = true;
    for (int moves = 0; some; ++moves) {
      if (moves > kMovesMax) Fail("it never comes to rest");
      some = false;
      for (int step = 0; step < SimLink::kSteps; ++step) {
        some |= edge.link().Step(step, &edge.router());
      }
      Settle();
    }
  }

  void MoveClient() {
    SimClient& client = *clients_[input_.Below(clients_.size())];
    if (!client.connected()) {
      const size_t edge = input_.Below(kEdges);
      client.Connect(edges_[edge].get(), input_.Chance(2) ? kSmallBuffer : 0);
      Trace("%s connects to %zu", client.name().c_str(), edge);
      Settle();
      if (client.enveloped()) ResumeAll(client);
    } else if (client.enveloped()) {
      SayEnveloped(client);
    } else {
      SayPlain(client);
    }
  }

  void ResumeAll(SimClient& client) {
    for (size_t i = 0; i < kGroups; ++i) {
      const std::string group = "g" + std::to_string(i);
      const auto position = client.view().position(group);
      if (position && !input_.Chance(4)) Join(client, group, position, 0, false);
    }
  }

  void Join(SimClient& client, const std::string& group, const std::optional<Position>& since,
            uint32_t last, bool bogus) {
    if (!client.connected()) return;
    const int64_t id = client.view().Open(
        {.kind = Kind::kJoin, .group = group, .since = since, .last = last, .bogus = bogus});
    Command(client, "add_group", id, group, Since(since, last));
  }

  static std::string Since(const std::optional<Position>& since, uint32_t last) {
    if (since) {
      return R"(,"since":{"epoch":")" + since->epoch + R"(","offset":)" +
             std::to_string(since->offset) + "}";
    }
    return last == 0 ? "" : R"(,"last":)" + std::to_string(last);
  }

  void Command(SimClient& client, const char* name, int64_t id, const std::string& group,
               const std::string& more) {
    const std::string text = R"({"id":)" + std::to_string(id) + R"(,"cmd":")" + name +
                             R"(","group_id":")" + group + '"' + more + '}';
    Trace("%s says %.200s", client.name().c_str(), text.c_str());
    client.Say(text);
    Settle();
  }

  void SayEnveloped(SimClient& client) {
    EnvelopedView& view = client.view();
    const std::string group = AnyGroup();
    const auto position = view.position(group);
    switch (input_.Below(16)) {
      case 0:
      case 1:
        return Join(client, group, std::nullopt, 0, false);
      case 2:
        return Join(client, group, position, 0, false);
      case 3: {  // further back
        if (!position) return;
        const uint64_t back = std::min<uint64_t>(position->offset, input_.Below(32));
        return Join(client, group, Position{position->epoch, position->offset - back}, 0, false);
      }
      case 4:
        return Join(client, group, std::nullopt, 1 + static_cast<uint32_t>(input_.Below(8)), false);
      case 5: {
        const std::string epoch = input_.Chance(2) ? "none" : service_.epochs().back();
        return Join(client, group, Position{epoch, input_.Chance(2) ? 10'000 : UINT64_MAX}, 0,
                    true);
      }
      case 6:
        return Command(client, "leave_group", view.Open({.kind = Kind::kLeave, .group = group}),
                       group, "");
      case 7:
      case 8:
        return LookBack(client, group, position);
      case 9:
        return Command(client, "ping", view.Open({.kind = Kind::kPing}), group, "");
      case 10:
        Trace("%s pauses", client.name().c_str());
        return client.SetPaused(true);
      case 11:
        return client.SetPaused(false);
      default:
        return Send(client, group);
    }
  }

  void LookBack(SimClient& client, const std::string& group,
                const std::optional<Position>& position) {
    EnvelopedView::Request request{.kind = Kind::kHistory, .group = group};
    const size_t how = input_.Below(4);
    if (how == 1) request.last = 1 + static_cast<uint32_t>(input_.Below(8));
    if (how >= 2 && position) {
      request.since = position;
      request.since->offset -= std::min<uint64_t>(position->offset, input_.Below(32));
    }
    std::string more = Since(request.since, request.last);
    if (input_.Chance(2)) {
      request.limit = 1 + static_cast<uint32_t>(input_.Below(4));
      more += R"(,"limit":)" + std::to_string(request.limit);
    }
    Command(client, "history", client.view().Open(request), group, more);
  }

  std::string NewMessage(const std::string& group) {
    static constexpr size_t kSizes[] = {1, 1, 1, 200, 3'000};
    return group + " " + std::to_string(++last_message_) + " " +
           std::string(kSizes[input_.Below(std::size(kSizes))], 'x');
  }

  void Send(SimClient& client, const std::string& group) {
    const size_t how = input_.Below(8);
    std::string message = '"' + NewMessage(group) + '"';
    if (how == 0) message = '[' + message + ']';
    std::string more = R"(,"message":)" + message;
    bool key_was_used = false;
    if (how <= 2) {
      // One of a few keys: with another message than before it is a conflict.
      const std::string key = "k" + std::to_string(input_.Below(4));
      more += R"(,"key":")" + key + '"';
      key_was_used = true;
    }
    if (how == 3) {  // without an id nothing is acknowledged
      client.Say(R"({"cmd":"send_to_group","group_id":")" + group + '"' + more + '}');
      return;
    }
    const int64_t id = client.view().Open({.kind = Kind::kSend,
                                           .group = group,
                                           .message = message,
                                           .key_was_used = key_was_used,
                                           .after_join = client.view().LastJoin(group)});
    Command(client, "send_to_group", id, group, more);
  }

  void SayPlain(SimClient& client) {
    const std::string group = "g" + std::to_string(input_.Below(plain_groups_max_));
    switch (input_.Below(8)) {
      case 0:
      case 1:
      case 2:
        Trace("%s joins %s", client.name().c_str(), group.c_str());
        return client.JoinPlain(group);
      case 3:
        if (client.paused()) return;
        Trace("%s leaves %s", client.name().c_str(), group.c_str());
        return client.LeavePlain(group);
      case 4:
        Trace("%s pauses", client.name().c_str());
        return client.SetPaused(true);
      case 5:
        return client.SetPaused(false);
      default:
        client.Say(R"({"cmd":"send_to_group","group_id":")" + group + R"(","message":")" +
                   NewMessage(group) + "\"}");
    }
  }

  void PublishFromService() {
    const std::string group = AnyGroup();
    const size_t count = 1 + input_.Below(6);
    for (size_t i = 0; i < count && service_.up(); ++i) PublishOne(group, NewMessage(group));
  }

  void PublishOne(const std::string& group, const std::string& message) {
    channel::PublishInput input;
    input.group_id = group;
    input.body = message;
    if (input_.Chance(8)) input.kind = channel::BodyKind::kData;
    const auto outcome = service_.Publish(input);
    Trace("the service publishes %.20s at %llu", message.c_str(),
          static_cast<unsigned long long>(outcome.offset));
  }

  void Disturb() {
    switch (input_.Below(8)) {
      case 0:
        Trace("a link is lost");
        return AnyEdge().link().Lose();
      case 1:
      case 2:
        for (const auto& edge : edges_) edge->link().Connect();
        Trace("the links are up");
        return;
      case 3: {
        SimClient& client = *clients_[input_.Below(clients_.size())];
        Trace("%s vanishes", client.name().c_str());
        return client.Vanish();
      }
      case 4:
        if (input_.Chance(4)) KillService();
        return;
      case 5:
        if (!service_.up()) service_.Start();
        return;
      default:
        return PassTime();
    }
  }

  void KillService() {
    if (!service_.up()) return;
    Trace("the service dies");
    for (const auto& edge : edges_) edge->link().Lose();
    service_.Die();
  }

  void PassTime() {
    static constexpr std::chrono::milliseconds kTimes[] = {
        std::chrono::milliseconds(100), std::chrono::seconds(1),  std::chrono::seconds(6),
        std::chrono::seconds(11),       std::chrono::seconds(70), std::chrono::seconds(150)};
    const auto time = kTimes[input_.Below(std::size(kTimes))];
    Trace("%lld ms pass", static_cast<long long>(time.count()));
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

  // All links are up, and time goes by until nobody gets anything any more.
  void Repair() {
    constexpr int kIdleRounds = 3;
    for (int idle = 0; idle < kIdleRounds; ++idle) {
      const size_t before = frames();
      for (const auto& edge : edges_) {
        edge->link().Connect();
        MoveAllOf(*edge);
      }
      // Members that were slow go on at a tick.
      clock_.Step(std::chrono::milliseconds(100));
      Tick();
      Settle();
      if (frames() != before) idle = 0;
    }
  }

  size_t frames() const {
    size_t sum = 0;
    for (const auto& client : clients_) sum += client->frames();
    return sum;
  }

  // Everything is repaired; then nothing may be missing.
  void Finish() {
    Trace("the end begins");
    if (!service_.up()) service_.Start();
    for (const auto& client : clients_) client->SetPaused(false);
    Repair();
    for (size_t i = 0; i < kGroups; ++i) {
      const std::string group = "g" + std::to_string(i);
      PublishOne(group, group + " " + std::to_string(++last_message_) + " last");
    }
    Repair();
    for (const auto& edge : edges_) Trace("%s", edge->link().Describe().c_str());
    for (const auto& client : clients_) client->CheckComplete();
    for (const auto& edge : edges_) {
      if (edge->unannounced_positions() != 0) Fail("the edge has let a hole through");
    }
    for (const auto& client : clients_) client->Vanish();
    Settle();
  }

  FuzzInput input_;
  const bool trace_;
  SimulationResult result_;
  channel::ServiceLimits service_limits_;
  edge::EdgeLimits edge_limits_;
  size_t plain_groups_max_ = 0;
  channel::test::FakeClock clock_;
  boost::asio::io_context loop_{1};
  SimService service_{service_limits_, clock_};
  std::vector<std::unique_ptr<SimEdge>> edges_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  int last_message_ = 0;
};

}  // namespace

SimulationResult RunSimulation(std::string_view bytes, bool trace) {
  spdlog::set_level(trace ? spdlog::level::warn : spdlog::level::off);
  return Simulation(bytes, trace).Run();
}

}  // namespace fuzz
