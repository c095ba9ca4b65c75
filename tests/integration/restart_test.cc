// The channel service dies and comes back; edges and the service are told to stop.

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>

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
using support::WebSocketClient;

constexpr Duration kEdgesBackAfter{3'000};
constexpr Duration kDeliveredAfter{10'000};

// A client that sends as fast as it can is read at once: what is tested is what becomes of the
// messages.
const std::string kAnyRate = "--commands_per_second=0";

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
    EXPECT_EQ(support::HttpGet(deployment.edge(1).admin_port, "/healthz").status, 200);
    EXPECT_EQ(deployment.edge(1).Metric("channel_edge_upstream_up"), 0);
    deployment.StartServiceAgain();
    AwaitReadiness(deployment, 200, kEdgesBackAfter);
    EXPECT_EQ(deployment.edge(1).Metric("channel_edge_upstream_up"), 1);

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

// The edge that sends may be back before the other one, and what waited is more than a group's
// history holds (256): the other edge must not find it gone. A race, therefore several rounds.
TEST(Restart, MoreThanAHistorySentWhileTheServiceIsAwayReachesEveryEdge) {
  constexpr int kMessages = 3'000;
  Deployment deployment(Options(2, {kAnyRate}));
  for (int round = 0; round < 6 && !HasFailure(); ++round) {
    WebSocketClient near = MemberOn(deployment, 1, "away");
    WebSocketClient far = MemberOn(deployment, 2, "away");
    deployment.KillServiceAtRest();
    AwaitReadiness(deployment, 503);
    for (int i = 0; i < kMessages; ++i) near.Publish("away", std::to_string(i));
    deployment.StartServiceAgain();
    for (WebSocketClient* member : {&near, &far}) {
      for (int i = 0; i < kMessages; ++i) {
        ASSERT_EQ(member->ReadMessage(kDeliveredAfter), std::to_string(i));
      }
      member->ExpectSilence();
    }
  }
}

TEST(Restart, AGracefulRestartInTheMiddleOfAFlowLosesNothingAndRepeatsNothing) {
  constexpr int kMessages = 4'000;
  constexpr int kBurst = 20;
  constexpr int kStopAfter = kMessages / 2;
  constexpr int kStartAgainAfter = kStopAfter + 500;
  constexpr int kWindow = 1'000;  // on its way; more than the history of a group (256)
  Deployment deployment(Options(2, {kAnyRate}));
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

}  // namespace
