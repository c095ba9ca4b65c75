// The fixture of the tests of who may connect: access_test.cc, access_proxy_test.cc.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/deployment.h"
#include "tests/support/web_socket_client.h"

namespace access_rules {

using support::ConnectOptions;
using support::Deployment;
using support::HttpResponse;
using support::WebSocketClient;

constexpr int kForbidden = 4507;

// One deployment for each set of flags, kept for all tests of a suite.
class AccessTest : public ::testing::Test {
 protected:
  static void StartWith(std::vector<std::string> edge_flags) {
    support::DeploymentOptions options;
    options.edge_flags = std::move(edge_flags);
    deployment_ = new Deployment(options);
  }
  static void TearDownTestSuite() { delete std::exchange(deployment_, nullptr); }

  static std::uint16_t Port() { return deployment_->edge_port(); }

  static double Closed(const std::string& reason) {
    return deployment_->EdgeMetric("channel_edge_sessions_closed_total{reason=\"" + reason + "\"}");
  }

  // The answer to an upgrade with these headers.
  static HttpResponse Upgrade(const std::string& host, const std::string& headers,
                              const std::string& before = "") {
    return support::HttpExchange(
        Port(), before + support::UpgradeRequestHead("/", host) + headers + "\r\n");
  }

  // The line of /connections of this client: its second word must be the address.
  static void ExpectKnownAs(const std::string& address, const ConnectOptions& options) {
    WebSocketClient client(Port(), options);
    client.ExpectSilence();
    const std::string lines =
        support::HttpGet(deployment_->edge(1).admin_port, "/connections").body;
    EXPECT_NE(lines.find(" " + address + " plain "), std::string::npos) << lines;
  }

  // All that comes back to HEAD: it must be a head alone.
  static std::string Head(const std::string& path) {
    support::TcpConnection connection(Port());
    connection.Send("HEAD " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    std::string answer;
    while (connection.Receive(answer)) {
    }
    EXPECT_EQ(answer.rfind("HTTP/1.1 200 OK\r\n", 0), 0u) << answer;
    EXPECT_EQ(answer.find("\r\n\r\n"), answer.size() - 4) << answer;
    return answer;
  }

  // What became of a page of this origin: 101 if it stays, or the code of the close frame.
  static int Connect(const ConnectOptions& options, std::string* reason = nullptr) {
    WebSocketClient client(Port(), options);
    // It is told apart by the next frame: the answer to this, or the close frame.
    client.SendText("nonsense");
    const auto frame = client.ReadFrame();
    if (!frame || !frame->Is(support::Opcode::kClose)) return 101;
    if (reason != nullptr) *reason = frame->CloseReason();
    return frame->CloseCode();
  }

  static ConnectOptions From(const std::string& origin, const std::string& host = "") {
    ConnectOptions options;
    options.host = host;
    options.headers = {{"Origin", origin}};
    return options;
  }

  static inline Deployment* deployment_ = nullptr;
};

}  // namespace access_rules
