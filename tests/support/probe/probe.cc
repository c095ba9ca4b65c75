#include "tests/support/probe/probe.h"

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string_view>
#include <vector>

#include "channel_service/base/strings.h"
#include "tests/support/probe/service.h"
#include "tests/support/probe/web_socket_member.h"

namespace channel::probe {
namespace {

// The kernel gives each connection to one of the edges by a hash of its address, so it takes a few
// tries to meet all of them. With 8 edges 64 tries meet a given one with a probability of 0.9998.
constexpr size_t kConnectsMax = 64;

using Clock = std::chrono::steady_clock;
using Members = std::vector<std::unique_ptr<WebSocketMember>>;

std::string RandomHex() {
  std::random_device random;
  std::string text;
  for (int i = 0; i < 16; ++i) text += "0123456789abcdef"[random() % 16];
  return text;
}

std::string EdgeNames(const Members& members) {
  std::set<std::string> names;
  for (const auto& member : members) names.insert(member->edge());
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Members on different edges; if there are too few edges, several on one.
absl::StatusOr<Members> ConnectMembers(const Options& options, Clock::time_point deadline,
                                       std::string& note) {
  Members members;
  Members spare;
  std::set<std::string> edges;
  for (size_t tries = 0; tries < kConnectsMax && members.size() < options.clients; ++tries) {
    auto member = std::make_unique<WebSocketMember>(deadline);
    const absl::Status status = member->Connect(options.ws);
    if (!status.ok()) return At("connect to " + options.ws, status);
    if (edges.insert(member->edge()).second) {
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

// A join is not acknowledged; it took effect when a message that follows it comes back.
absl::Status Join(WebSocketMember& member, const std::string& group, const std::string& greeting) {
  absl::Status status = member.SendText(R"({"cmd":"add_group","group_id":")" + group + "\"}");
  if (!status.ok()) return status;
  status = member.SendText(R"({"cmd":"send_to_group","group_id":")" + group + R"(","message":")" +
                           greeting + "\"}");
  while (status.ok()) {
    const absl::StatusOr<std::string> text = member.ReceiveText();
    if (!text.ok()) return At("its own message did not come back", text.status());
    if (*text == greeting) return absl::OkStatus();
    if (!text->starts_with("hello ")) status = absl::InternalError("received " + *text);
  }
  return status;
}

// The next text that is not a greeting must be the message.
absl::Status Expect(WebSocketMember& member, const std::string& message) {
  for (;;) {
    const absl::StatusOr<std::string> text = member.ReceiveText();
    if (!text.ok()) return text.status();
    if (*text == message) return absl::OkStatus();
    if (!text->starts_with("hello ")) {
      return absl::DataLossError("received '" + *text + "' instead of '" + message + "'");
    }
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
  absl::StatusOr<Members> members = ConnectMembers(options, deadline, report.note);
  if (!members.ok()) return members.status();
  report.edges = EdgeNames(*members);

  const std::string id = RandomHex();
  const std::string group = "probe-" + id;
  for (size_t i = 0; i < members->size(); ++i) {
    WebSocketMember& member = *(*members)[i];
    const absl::Status status = Join(member, group, "hello " + std::to_string(i));
    if (!status.ok()) return At("join a group on " + member.edge(), status);
  }

  v1::PublishRequest request;
  request.set_group_id(group);
  request.set_message("Bu bir mesajdır " + id);
  const Clock::time_point start = Clock::now();
  const auto response = Service(options.grpc).Publish(request, deadline - start);
  if (!response.ok()) return At("publish to " + options.grpc, response.status());
  const v1::StreamPosition& position = response->position();
  report.position = position.epoch() + ":" + std::to_string(position.offset());

  for (const auto& member : *members) {
    const absl::Status status = Expect(*member, request.message());
    if (!status.ok()) return At("receive on " + member->edge(), status);
  }
  report.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  for (const auto& member : *members) member->Close();
  return report;
}

}  // namespace channel::probe
