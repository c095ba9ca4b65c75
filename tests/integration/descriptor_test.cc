// Running out of file descriptors is a bad moment and not the end. gRPC 1.51 by itself never
// accepts again after one failed accept (CVE-2023-4785 and kin).

#include <gtest/gtest.h>

#include "tests/support/deployment.h"
#include "tests/support/service_client.h"
#include "tests/support/web_socket_client.h"

namespace {

using support::TcpConnection;
using support::WebSocketClient;

constexpr std::uint64_t kDescriptorsMax = 64;
constexpr int kIdleConnections = 200;
// With fewer the dynamic linker cannot open a shared library; it says so itself.
constexpr std::uint64_t kDescriptorsForLibraries = 4;
constexpr support::Duration kBackAfter{2'000};

// Connections beyond what the process can take wait in the kernel's queue, or are closed by the
// process.
std::vector<TcpConnection> ConnectIdle(std::uint16_t port) {
  std::vector<TcpConnection> idle;
  for (int i = 0; i < kIdleConnections; ++i) idle.emplace_back(port);
  return idle;
}

TEST(Descriptors, TheServiceWorksAgainAfterIdleConnectionsTookThemAll) {
  support::DeploymentOptions options;
  options.service_descriptors_max = kDescriptorsMax;
  support::Deployment deployment(options);
  WebSocketClient member(deployment.edge_port());
  member.JoinAndWait("descriptors");
  support::ServiceClient before(deployment.service_port());
  before.MustPublish("descriptors", "before");
  EXPECT_EQ(member.ReadMessage(), "before");

  for (int round = 0; round < 3; ++round) {
    std::vector<TcpConnection> idle = ConnectIdle(deployment.service_port());
    // Streams that are open go on meanwhile.
    before.MustPublish("descriptors", "meanwhile");
    EXPECT_EQ(member.ReadMessage(), "meanwhile");
    idle.clear();

    support::ServiceClient fresh(deployment.service_port());
    channel::v1::PublishRequest request;
    request.set_group_id("descriptors");
    request.set_message("after");
    const auto answer = fresh.Publish(request, kBackAfter);
    ASSERT_TRUE(answer.ok()) << "round " << round << ": " << answer.status.error_message();
    EXPECT_EQ(member.ReadMessage(), "after");
  }
  EXPECT_EQ(deployment.service().Readiness(), 200);
}

TEST(Descriptors, AConnectionTooManyIsClosedAtOnceAndCounted) {
  support::DeploymentOptions options;
  options.service_descriptors_max = kDescriptorsMax;
  support::Deployment deployment(options);
  {
    std::vector<TcpConnection> idle = ConnectIdle(deployment.service_port());
    std::string greeting;  // gRPC's first bytes, to those that it took
    while (idle.back().Receive(greeting)) {
    }
  }
  support::Await("refused connections are counted", [&] {
    return deployment.service().Metric("channel_service_accept_refused_total") > 0;
  });
}

TEST(Descriptors, TooFewAreRefusedAtTheStart) {
  for (const char* program : {"ws_edge", "channel_service"}) {
    for (const std::uint64_t descriptors :
         {kDescriptorsForLibraries, kDescriptorsMax / 4, kDescriptorsMax - 1}) {
      SCOPED_TRACE(std::string(program) + " with " + std::to_string(descriptors));
      support::Process process({support::BinaryPath(program),
                                {"--listen=127.0.0.1:0", "--admin_listen=127.0.0.1:0"},
                                descriptors});
      EXPECT_EQ(process.WaitForExit(), 71);
      const std::string expected = "this process may have " + std::to_string(descriptors) +
                                   " open files; at least 64 are needed";
      EXPECT_NE(process.StderrText().find(expected), std::string::npos) << process.StderrText();
    }
  }
}

TEST(Descriptors, AFullEdgeSaysSoWith503BeforeItHasNoneLeft) {
  support::DeploymentOptions options;
  options.edge_descriptors_max = kDescriptorsMax;
  support::Deployment deployment(options);
  std::vector<TcpConnection> upgrades;
  int upgraded = 0;
  int refused = 0;
  for (int i = 0; i < kIdleConnections; ++i) {
    TcpConnection& connection = upgrades.emplace_back(deployment.edge_port());
    connection.Send(support::UpgradeRequestHead() + "\r\n");
    std::string answer;
    while (answer.find("\r\n\r\n") == std::string::npos && connection.Receive(answer)) {
    }
    if (answer.rfind("HTTP/1.1 101", 0) == 0) {
      ++upgraded;
      continue;
    }
    EXPECT_EQ(answer.rfind("HTTP/1.1 503", 0), 0u) << answer;
    EXPECT_NE(answer.find("Retry-After: 2"), std::string::npos) << answer;
    ++refused;
  }
  EXPECT_GT(upgraded, 0);
  EXPECT_EQ(upgraded + refused, kIdleConnections);
  EXPECT_EQ(deployment.edge(1).Metric("channel_edge_sessions"), upgraded);
  EXPECT_EQ(deployment.edge(1).process->StderrText().find("cannot accept"), std::string::npos);
}

TEST(Descriptors, TheEdgeKeepsItsSessionsAndAcceptsAgain) {
  support::DeploymentOptions options;
  options.edge_descriptors_max = kDescriptorsMax;
  support::Deployment deployment(options);
  support::ServiceClient service(deployment.service_port());
  WebSocketClient member(deployment.edge_port());
  member.JoinAndWait("descriptors");

  for (int round = 0; round < 3; ++round) {
    std::vector<TcpConnection> idle = ConnectIdle(deployment.edge_port());
    service.MustPublish("descriptors", "meanwhile");
    EXPECT_EQ(member.ReadMessage(), "meanwhile");
    member.Publish("descriptors", "own");
    EXPECT_EQ(member.ReadMessage(), "own");
    idle.clear();

    const support::Deadline deadline = support::After(kBackAfter);
    const bool accepted = support::WaitUntil(
        [&] {
          try {
            WebSocketClient fresh(deployment.edge_port());
            fresh.JoinAndWait("descriptors");
            return true;
          } catch (const support::TestFailure&) {
            return false;  // still refused
          }
        },
        kBackAfter);
    EXPECT_TRUE(accepted && support::Clock::now() < deadline) << "round " << round;
  }
  member.ExpectSilence();
  EXPECT_EQ(deployment.edge(1).Readiness(), 200);
}

}  // namespace
