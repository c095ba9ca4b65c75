#include "tests/support/probe/probe.h"

#include <algorithm>
#include <random>
#include <set>
#include <string_view>
#include <vector>

#include "channel_service/base/strings.h"
#include "tests/support/probe/service.h"
#include "tests/support/web_socket_client.h"

namespace channel::probe {
namespace {

// The kernel gives each connection to one of the edges by a hash of its address, so it takes a few
// tries to meet all of them. With 8 edges 64 tries meet a given one with a probability of 0.9998.
constexpr size_t kConnectsMax = 64;

using support::Clock;
using support::TestFailure;
using support::WebSocketClient;
using Members = std::vector<WebSocketClient>;

std::string RandomHex() {
  std::random_device random;
  std::string text;
  for (int i = 0; i < 16; ++i) text += "0123456789abcdef"[random() % 16];
  return text;
}

std::string EdgeNames(const Members& members) {
  std::set<std::string> names;
  for (const WebSocketClient& member : members) names.insert(member.edge());
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

support::Duration TimeLeft(Clock::time_point deadline) {
  return support::Duration(support::MillisecondsLeft(deadline));
}

// Members on different edges; if there are too few edges, several on one.
Members ConnectMembers(const Options& options, Clock::time_point deadline, std::string& note) {
  Members members;
  Members spare;
  std::set<std::string> edges;
  const size_t colon = options.ws.rfind(':');
  support::ConnectOptions connect;
  connect.host = options.ws;
  connect.tcp.host = options.ws.substr(0, colon);
  if (connect.tcp.host.starts_with('[')) connect.tcp.host = connect.tcp.host.substr(1, colon - 2);
  const auto port = static_cast<uint16_t>(std::stoul(options.ws.substr(colon + 1)));
  for (size_t tries = 0; tries < kConnectsMax && members.size() < options.clients; ++tries) {
    connect.wait = TimeLeft(deadline);
    WebSocketClient member(port, connect);
    if (member.edge().empty()) throw TestFailure("the upgrade has no X-Channel-Edge: not an edge");
    if (edges.insert(member.edge()).second) {
      members.push_back(std::move(member));
    } else if (spare.size() < options.clients) {
      spare.push_back(std::move(member));
    }
  }
  if (members.size() < options.clients) {
    note = std::to_string(kConnectsMax) + " connections met only " + EdgeNames(members) + ", so " +
           std::to_string(options.clients) + " clients share " +
           (members.size() == 1 ? "it" : "them");
  }
  while (members.size() < options.clients && !spare.empty()) {
    members.push_back(std::move(spare.back()));
    spare.pop_back();
  }
  return members;
}

// The next text that is not another member's greeting must be `text`.
void Expect(WebSocketClient& member, const std::string& text, Clock::time_point deadline) {
  std::string received;
  do {
    received = member.ReadMessage(TimeLeft(deadline));
    if (received == text) return;
  } while (received.starts_with("hello "));
  throw TestFailure("received '" + received + "' instead of '" + text + "'");
}

// Does one step, and turns the exceptions of the WebSocket client into a status that names it.
template <class Step>
absl::Status Try(const std::string& name, Step step) {
  try {
    step();
    return absl::OkStatus();
  } catch (const TestFailure& failure) {
    return absl::UnavailableError(name + ": " + failure.what());
  }
}

}  // namespace

absl::Status At(std::string_view step, const absl::Status& status) {
  return absl::Status(status.code(),
                      ToAbsl(std::string(step) + ": " + std::string(MessageOf(status))));
}

absl::StatusOr<Report> Probe(const Options& options) {
  const Clock::time_point deadline = Clock::now() + options.timeout;
  Report report;
  Members members;
  absl::Status status = Try("connect to " + options.ws,
                            [&] { members = ConnectMembers(options, deadline, report.note); });
  if (!status.ok()) return status;
  report.edges = EdgeNames(members);

  const std::string id = RandomHex();
  const std::string group = "probe-" + id;
  for (size_t i = 0; i < members.size(); ++i) {
    // A join is not acknowledged; it took effect when a message that follows it comes back.
    status = Try("join a group on " + members[i].edge(), [&] {
      const std::string greeting = "hello " + std::to_string(i);
      members[i].Join(group);
      members[i].Publish(group, greeting);
      Expect(members[i], greeting, deadline);
    });
    if (!status.ok()) return status;
  }

  v1::PublishRequest request;
  request.set_group_id(group);
  request.set_message("Bu bir mesajdır " + id);
  const Clock::time_point start = Clock::now();
  const auto response = Service(options.grpc).Publish(request, deadline - start);
  if (!response.ok()) return At("publish to " + options.grpc, response.status());
  const v1::StreamPosition& position = response->position();
  report.position = position.epoch() + ":" + std::to_string(position.offset());

  for (WebSocketClient& member : members) {
    status =
        Try("receive on " + member.edge(), [&] { Expect(member, request.message(), deadline); });
    if (!status.ok()) return status;
  }
  report.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  for (WebSocketClient& member : members) {
    Try("close", [&] { member.SendClose(1000); }).IgnoreError();  // it has received all
  }
  return report;
}

}  // namespace channel::probe
