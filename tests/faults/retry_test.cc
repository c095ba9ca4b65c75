// A publisher that repeats everything, through every door.

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>

#include "tests/faults/scenario.h"
#include "tests/support/web_socket_client.h"

namespace faults {
namespace {

constexpr std::uint32_t kSender = 1;
constexpr std::uint32_t kMessages = kSanitized ? 100 : 300;
constexpr int kGrpc = 0;  // the other doors are numbers of edges

struct Answer {
  std::string epoch;
  std::uint64_t offset = 0;
  bool duplicate = false;
};

class Retry : public Scenario {
 protected:
  struct Publication {
    MessageId id;
    std::string group;
    std::string key;
  };

  Answer TryGrpc(const Publication& publication) {
    support::ServiceClient service(deployment().service_port());
    const auto answer = service.Publish(publication.group, BodyOf(publication.id), publication.key);
    if (!answer.ok()) throw support::TestFailure(answer.status.error_message());
    const channel::v1::StreamPosition& position = answer.response.position();
    return {position.epoch(), position.offset(), answer.response.duplicate()};
  }

  // On a new connection to this edge. Nothing if the connection is dropped before the answer.
  std::optional<Answer> TryEdge(int edge, const Publication& publication, bool drop) {
    support::ConnectOptions options;
    options.headers = {{"Sec-WebSocket-Protocol", "channel.v1.json"}};
    auto client = support::WebSocketClient::OnEdge(deployment().edge_port(),
                                                   deployment().edge(edge).name, options);
    client.SendText(R"({"id":1,"cmd":"send_to_group","group_id":")" + publication.group +
                    R"(","message":")" + BodyOf(publication.id) + R"(","key":")" + publication.key +
                    R"("})");
    if (drop) {
      client.connection().Reset();
      return std::nullopt;
    }
    while (true) {
      const boost::json::object event = boost::json::parse(client.ReadMessage()).as_object();
      if (event.at("event").as_string() == "welcome") continue;
      if (event.at("event").as_string() != "ok") {
        throw support::TestFailure(boost::json::serialize(event));
      }
      client.SendClose(1000);
      return Answer{std::string(event.at("epoch").as_string()),
                    event.at("offset").to_number<std::uint64_t>(),
                    event.contains("duplicate") && event.at("duplicate").as_bool()};
    }
  }

  // Three attempts in a random order of doors; up to two connections are dropped.
  void PublishThreeTimes(const Publication& publication) {
    std::array<int, 3> doors{kGrpc, 1, 2};
    std::shuffle(doors.begin(), doors.end(), random());
    swarm().publications().OnSent(publication.id, publication.group);
    std::optional<Answer> first;
    bool dropped_before = false;
    for (const int door : doors) {
      const bool drop = door != kGrpc && random()() % 3 == 0;
      const std::optional<Answer> answer =
          door == kGrpc ? TryGrpc(publication) : TryEdge(door, publication, drop);
      if (!answer) {
        dropped_before = true;
        continue;
      }
      if (first) {
        EXPECT_TRUE(answer->duplicate);
        EXPECT_EQ(answer->epoch, first->epoch);
        EXPECT_EQ(answer->offset, first->offset);
        continue;
      }
      first = answer;
      if (!dropped_before) {
        EXPECT_FALSE(answer->duplicate);
      }
    }
    swarm().publications().OnAcknowledged(
        publication.id, {swarm().epochs().NumberOf(first->epoch), first->offset}, first->duplicate);
  }
};

TEST_F(Retry, AKeyIsPublishedOnceHoweverOftenAndWhereverItIsTried) {
  support::DeploymentOptions options;
  options.edges = 2;
  Deploy(std::move(options));
  const std::vector<std::string> groups = GroupNames(3);
  AddClients(12, groups);
  swarm().AwaitJoined();
  for (std::uint32_t number = 1; number <= kMessages && !HasFailure(); ++number) {
    PublishThreeTimes({{kSender, number},
                       groups[random()() % groups.size()],
                       "key-" + std::to_string(random()())});
  }
  const Verdict verdict = Finish();
  EXPECT_EQ(verdict.acknowledged, kMessages);
  EXPECT_EQ(verdict.gaps, 0u);
  EXPECT_EQ(verdict.repeats_dropped, 0u);
}

}  // namespace
}  // namespace faults
