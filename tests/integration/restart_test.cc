// The channel service dies and comes back; edges and the service are told to stop.

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/json.hpp>
#include <chrono>
#include <optional>

#include "tests/support/deployment.h"
#include "tests/support/process.h"
#include "tests/support/reserved_port.h"
#include "tests/support/service_client.h"
#include "tests/support/web_socket_client.h"

namespace {

using support::Clock;
using support::Deployment;
using support::DeploymentOptions;
using support::Duration;
using support::Frame;
using support::Opcode;
using support::WebSocketClient;

constexpr Duration kEdgesBackAfter{3'000};
constexpr Duration kDeliveredAfter{10'000};

DeploymentOptions Options(int edges, std::vector<std::string> edge_flags = {}) {
  DeploymentOptions options;
  options.edges = edges;
  options.edge_flags = std::move(edge_flags);
  return options;
}

WebSocketClient MemberOn(Deployment& deployment, int edge, const std::string& group) {
  WebSocketClient member =
      WebSocketClient::OnEdge(deployment.edge_port(), deployment.edge(edge).name);
  member.JoinAndWait(group);
  return member;
}

void AwaitReadiness(Deployment& deployment, int status, Duration wait = support::kPatience) {
  support::Await(
      "all edges answer /readyz with " + std::to_string(status),
      [&] {
        for (const support::Node& edge : deployment.edges()) {
          if (edge.Readiness() != status) return false;
        }
        return true;
      },
      wait);
}

int ElapsedMs(Clock::time_point since) {
  return static_cast<int>(std::chrono::duration_cast<Duration>(Clock::now() - since).count());
}

TEST(Restart, EdgesComeBackByThemselvesAndNoWebSocketIsClosed) {
  Deployment deployment(Options(2));
  WebSocketClient one = MemberOn(deployment, 1, "restart");
  WebSocketClient two = MemberOn(deployment, 2, "restart");
  for (int round = 0; round < 3; ++round) {
    deployment.KillServiceAtRest();
    AwaitReadiness(deployment, 503);
    deployment.StartServiceAgain();
    const Clock::time_point back = Clock::now();
    AwaitReadiness(deployment, 200, kEdgesBackAfter);
    EXPECT_LT(ElapsedMs(back), kEdgesBackAfter.count());

    // Old groups work, in both directions, and so do new ones and fresh back ends.
    const std::string after = "after " + std::to_string(round);
    one.Publish("restart", after);
    EXPECT_EQ(one.ReadMessage(), after);
    EXPECT_EQ(two.ReadMessage(), after);
    support::ServiceClient(deployment.service_port()).MustPublish("restart", "back end");
    EXPECT_EQ(one.ReadMessage(), "back end");
    EXPECT_EQ(two.ReadMessage(), "back end");
    WebSocketClient fresh = MemberOn(deployment, 1, "fresh " + std::to_string(round));
    fresh.ExpectSilence();
    fresh.SendClose(1000);
    EXPECT_EQ(fresh.ReadUntilClose().CloseCode(), 1000);
  }
  one.ExpectSilence();
  two.ExpectSilence();
  support::Await("the two members are all that is left",
                 [&] { return deployment.EdgeMetric("channel_edge_sessions") == 2; });
}

// Sends `messages` on edge 1 while the service is away; a member on each edge must get them all.
void ExpectDeliveredAfterAbsence(Deployment& deployment, int messages) {
  WebSocketClient near = MemberOn(deployment, 1, "away");
  WebSocketClient far = MemberOn(deployment, 2, "away");
  deployment.KillServiceAtRest();
  AwaitReadiness(deployment, 503);
  const Clock::time_point sent = Clock::now();
  for (int i = 0; i < messages; ++i) near.Publish("away", std::to_string(i));
  deployment.StartServiceAgain();
  for (int i = 0; i < messages; ++i) {
    ASSERT_EQ(near.ReadMessage(kDeliveredAfter), std::to_string(i)) << "on the sender's edge";
  }
  for (int i = 0; i < messages; ++i) {
    ASSERT_EQ(far.ReadMessage(kDeliveredAfter), std::to_string(i)) << "on the other edge";
  }
  EXPECT_LT(ElapsedMs(sent), kDeliveredAfter.count());
  near.ExpectSilence();
  far.ExpectSilence();
}

TEST(Restart, WhatIsSentWhileTheServiceIsAwayIsDeliveredAfterItIsBack) {
  Deployment deployment(Options(2));
  ExpectDeliveredAfterAbsence(deployment, 200);
}

// The edge that sends may be back before the other one, and what waited is more than a group's
// history holds (256): the other edge must not find it gone. A race, therefore several rounds.
TEST(Restart, MoreThanAHistorySentWhileTheServiceIsAwayReachesEveryEdge) {
  Deployment deployment(Options(2));
  for (int round = 0; round < 6 && !HasFailure(); ++round) {
    ExpectDeliveredAfterAbsence(deployment, 3'000);
  }
}

TEST(Restart, AJoinWhileTheServiceIsAwayIsInForceAfterItIsBack) {
  Deployment deployment(Options(1));
  deployment.KillServiceAtRest();
  AwaitReadiness(deployment, 503);
  WebSocketClient client(deployment.edge_port());
  client.Join("joined while away");
  client.Publish("joined while away", "sent while away");
  deployment.StartServiceAgain();
  EXPECT_EQ(client.ReadMessage(kDeliveredAfter), "sent while away");
  client.ExpectSilence();
}

TEST(Restart, AServiceThatStaysAwayIsTold) {
  Deployment deployment(Options(1, {"--publish_timeout=1s"}));
  WebSocketClient client = MemberOn(deployment, 1, "stays away");
  deployment.KillServiceAtRest();
  AwaitReadiness(deployment, 503);
  const Clock::time_point sent = Clock::now();
  client.Publish("stays away", "lost");
  EXPECT_EQ(support::ErrorCode(client.ReadMessage()), "unavailable");
  EXPECT_GE(ElapsedMs(sent), 500);
  EXPECT_LT(ElapsedMs(sent), 5'000);
  client.ExpectSilence();
  // What was refused is not published later after all.
  deployment.StartServiceAgain();
  AwaitReadiness(deployment, 200);
  client.Publish("stays away", "back");
  EXPECT_EQ(client.ReadMessage(), "back");
  client.ExpectSilence();
}

TEST(Restart, WhatDoesNotFitIntoThePublishQueueIsRefusedAtOnce) {
  constexpr int kMessages = 100;
  const std::string body(1'000, 'q');
  Deployment deployment(Options(
      1, {"--message_bytes_max=8192", "--publish_queue_bytes_max=16384", "--publish_timeout=60s"}));
  WebSocketClient sender(deployment.edge_port());
  WebSocketClient member = MemberOn(deployment, 1, "queue");
  deployment.KillServiceAtRest();
  AwaitReadiness(deployment, 503);
  const Clock::time_point sent = Clock::now();
  for (int i = 0; i < kMessages; ++i) sender.Publish("queue", body);
  sender.SendText(R"({"cmd":"fence"})");
  int refused = 0;
  std::string code;
  while ((code = support::ErrorCode(sender.ReadMessage())) == "unavailable") ++refused;
  EXPECT_EQ(code, "unknown_command");
  EXPECT_LT(ElapsedMs(sent), 5'000);
  EXPECT_GE(refused, kMessages - 16) << "more than 16 KiB were taken";
  EXPECT_LT(refused, kMessages) << "nothing was taken";
  EXPECT_EQ(deployment.EdgeMetric("channel_edge_publications_unanswered"), kMessages - refused);
  // What was taken comes, and only that.
  deployment.StartServiceAgain();
  for (int i = 0; i < kMessages - refused; ++i) ASSERT_EQ(member.ReadMessage(), body);
  member.ExpectSilence();
  sender.ExpectSilence();
}

TEST(Restart, AGracefulRestartInTheMiddleOfAFlowLosesNothingAndRepeatsNothing) {
  constexpr int kMessages = 4'000;
  constexpr int kBurst = 20;
  constexpr int kStopAfter = kMessages / 2;
  constexpr int kStartAgainAfter = kStopAfter + 500;
  constexpr int kWindow = 1'000;  // on its way; more than the history of a group (256)
  Deployment deployment(Options(2));
  WebSocketClient near = MemberOn(deployment, 1, "flow");
  WebSocketClient far = MemberOn(deployment, 2, "flow");
  WebSocketClient sender = WebSocketClient::OnEdge(deployment.edge_port(), deployment.edge(1).name);
  int received = 0;
  const auto read_to = [&](int end) {
    for (; received < end; ++received) {
      ASSERT_EQ(near.ReadMessage(kDeliveredAfter), std::to_string(received));
      ASSERT_EQ(far.ReadMessage(kDeliveredAfter), std::to_string(received));
    }
  };
  for (int sent = 0; sent < kMessages; sent += kBurst) {
    for (int i = sent; i < sent + kBurst; ++i) sender.Publish("flow", std::to_string(i));
    if (sent == kStopAfter) deployment.service().process->Signal(SIGTERM);
    if (sent == kStartAgainAfter) {
      ASSERT_EQ(deployment.service().process->WaitForExit(), 0);
      deployment.StartServiceAgain();
    }
    const bool away = sent >= kStopAfter && sent < kStartAgainAfter;
    if (!away) {
      ASSERT_NO_FATAL_FAILURE(read_to(sent - kWindow));
    }
  }
  ASSERT_NO_FATAL_FAILURE(read_to(kMessages));
  near.ExpectSilence();
  far.ExpectSilence();
  sender.ExpectSilence();
}

TEST(Restart, WhileTheServiceIsAwayTheEdgeIsAliveButNotReady) {
  Deployment deployment(Options(1));
  deployment.KillServiceAtRest();
  AwaitReadiness(deployment, 503);
  EXPECT_EQ(support::HttpGet(deployment.edge(1).admin_port, "/healthz").status, 200);
  EXPECT_EQ(deployment.edge(1).Metric("channel_edge_upstream_up"), 0);
  const support::HttpResponse reason = support::HttpGet(deployment.edge(1).admin_port, "/readyz");
  EXPECT_EQ(reason.status, 503);
  EXPECT_FALSE(reason.body.empty());
  deployment.StartServiceAgain();
  AwaitReadiness(deployment, 200);
  EXPECT_EQ(deployment.edge(1).Metric("channel_edge_upstream_up"), 1);
}

TEST(Restart, WithoutADescriptorOfGrpcsSocketsTheEdgePollsOnATimer) {
  ::setenv("GRPC_POLL_STRATEGY", "poll", 1);  // keeps no epoll set; inherited by the processes
  Deployment deployment(Options(1));
  ::unsetenv("GRPC_POLL_STRATEGY");
  EXPECT_NE(deployment.edge(1).process->StderrText().find("polled on a timer"), std::string::npos);
  WebSocketClient client(deployment.edge_port());
  client.Join("g");
  client.Publish("g", "over a timer");
  EXPECT_EQ(client.ReadMessage(), "over a timer");
  deployment.KillServiceAtRest();
  AwaitReadiness(deployment, 503);
  deployment.StartServiceAgain();
  AwaitReadiness(deployment, 200);
  client.Publish("g", "again");
  EXPECT_EQ(client.ReadMessage(), "again");
}

TEST(Restart, AnEdgeWithoutTheServiceSendsItsResumableClientsElsewhere) {
  Deployment deployment(
      Options(1, {"--upstream_timeout=1s", "--ping_interval=1s", "--pong_timeout=500ms"}));
  WebSocketClient plain(deployment.edge_port());
  support::ConnectOptions with_envelopes;
  with_envelopes.subprotocols = support::kEnvelopedSubprotocol;
  WebSocketClient enveloped(deployment.edge_port(), with_envelopes);
  EXPECT_EQ(enveloped.ReadEvent().at("event").as_string(), "welcome");
  deployment.KillServiceAtRest();
  std::optional<support::Frame> frame;
  const auto give_up = std::chrono::steady_clock::now() + support::kPatience;
  while (!frame.has_value() && std::chrono::steady_clock::now() < give_up) {
    EXPECT_FALSE(
        plain.ReadFrame(std::chrono::milliseconds(20)).has_value());  // answers its pings meanwhile
    frame = enveloped.ReadFrame(std::chrono::milliseconds(20));
    const bool notice = frame && frame->payload == R"({"event":"service","available":false})";
    if (notice) frame.reset();
  }
  ASSERT_TRUE(frame.has_value());
  const boost::json::value bye = boost::json::parse(frame->payload);
  EXPECT_EQ(bye.at("event").as_string(), "bye");
  EXPECT_EQ(bye.at("code").as_int64(), 4002);
  EXPECT_TRUE(bye.at("reconnect_ms").is_array());
  EXPECT_EQ(enveloped.ReadUntilClose().CloseCode(), 4002);
  plain.ExpectSilence();  // it could not resume elsewhere, so it is better off here
  enveloped.SendClose(4002);
  support::Await("the edge counts it", [&] {
    return deployment.edge(1).Metric(
               "channel_edge_sessions_closed_total{reason=\"upstream_lost\"}") == 1;
  });
}

TEST(Stop, AnEdgeClosesItsSessionsWith4001AndExitsWith0) {
  Deployment deployment(Options(2));
  std::vector<WebSocketClient> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(MemberOn(deployment, 1, "stop"));
  WebSocketClient other = MemberOn(deployment, 2, "stop");
  deployment.edge(1).process->Signal(SIGTERM);
  for (WebSocketClient& client : clients) {
    const Frame close = client.ReadUntilClose();
    EXPECT_EQ(close.CloseCode(), 4001);
    client.SendClose(4001);
  }
  EXPECT_EQ(deployment.edge(1).process->WaitForExit(), 0);
  other.ExpectSilence();
  WebSocketClient elsewhere(deployment.edge_port());
  EXPECT_EQ(elsewhere.edge(), "edge-2");
}

TEST(Stop, AnEdgeWithClientsThatDoNotAnswerEndsWithTheDrainTime) {
  Deployment deployment(Options(1));
  WebSocketClient deaf = MemberOn(deployment, 1, "deaf");
  const Clock::time_point told = Clock::now();
  deployment.edge(1).process->Signal(SIGTERM);
  EXPECT_EQ(deployment.edge(1).process->WaitForExit(), 0);
  // --drain_time=1s in these deployments; a sanitizer build needs longer to end.
  EXPECT_LT(ElapsedMs(told), 10'000);
}

TEST(Stop, ASecondSignalEndsTheDrainAtOnce) {
  Deployment deployment(Options(1, {"--drain_time=60s"}));
  WebSocketClient client = MemberOn(deployment, 1, "second");
  WebSocketClient another = MemberOn(deployment, 1, "second");
  deployment.edge(1).process->Signal(SIGTERM);
  support::Await("draining is not ready", [&] { return deployment.edge(1).Readiness() == 503; });
  deployment.edge(1).process->Signal(SIGTERM);
  EXPECT_EQ(deployment.edge(1).process->WaitForExit(), 0);
}

TEST(Stop, AServiceThatStillWaitsForNatsIgnoresAReloadAndExitsWith0) {
  const support::ReservedPort nobody;
  support::Process service(
      {.program = support::BinaryPath("channel_service"),
       .arguments = {"--listen=127.0.0.1:0", "--admin_listen=127.0.0.1:0", "--engine=nats",
                     "--nats_patience=10m",
                     "--nats_url=nats://127.0.0.1:" + std::to_string(nobody.number())},
       .descriptors_max = {}});
  support::Await("the service waits", [&] {
    return service.StderrText().find("waiting for NATS") != std::string::npos;
  });
  service.Signal(SIGHUP);
  EXPECT_EQ(service.WaitForExit(support::Duration{500}), std::nullopt);
  service.Signal(SIGTERM);
  EXPECT_EQ(service.WaitForExit(), 0);
}

TEST(Stop, TheServiceEndsItsStreamsWithUnavailableAndExitsWith0) {
  Deployment deployment(Options(1));
  support::ServiceClient service(deployment.service_port());
  const std::unique_ptr<support::Subscriber> subscriber = service.OpenSubscriber();
  subscriber->Subscribe("stop");
  subscriber->NextSubscribed();
  WebSocketClient member = MemberOn(deployment, 1, "stop");
  deployment.service().process->Signal(SIGTERM);
  EXPECT_EQ(subscriber->AwaitEnd().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(deployment.service().process->WaitForExit(), 0);
  // The edge keeps its sessions and comes back as after a crash.
  AwaitReadiness(deployment, 503);
  deployment.StartServiceAgain();
  AwaitReadiness(deployment, 200, kEdgesBackAfter);
  member.Publish("stop", "go on");
  EXPECT_EQ(member.ReadMessage(), "go on");
}

}  // namespace
