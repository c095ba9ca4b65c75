// The fixture of the tests of who may connect: access_test.cc, access_proxy_test.cc.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tests/integration/shared_deployment.h"

namespace access_rules {

using support::ConnectOptions;
using support::HttpResponse;
using support::WebSocketClient;

constexpr int kForbidden = 4507;

class AccessTest : public SharedDeployment {
 protected:
  static double Closed(const std::string& reason) {
    return deployment().EdgeMetric("channel_edge_sessions_closed_total{reason=\"" + reason + "\"}");
  }

  // The answer to an upgrade with these headers.
  static HttpResponse Upgrade(const std::string& host, const std::string& headers) {
    return support::HttpExchange(Port(), support::UpgradeRequestHead("/", host) + headers + "\r\n");
  }

  // The line of /connections of this client: its second word must be the address.
  static void ExpectKnownAs(const std::string& address, const ConnectOptions& options) {
    WebSocketClient client(Port(), options);
    client.ExpectSilence();
    const std::string lines =
        support::HttpGet(deployment().edge(1).admin_port, "/connections").body;
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

  // The result of connecting from a page of this origin: 101 if it stays, or the code of the close
  // frame.
  static int Connect(const ConnectOptions& options) {
    WebSocketClient client(Port(), options);
    // It is told apart by the next frame: the answer to this, or the close frame.
    client.SendText("nonsense");
    const auto frame = client.ReadFrame();
    if (!frame || !frame->Is(support::Opcode::kClose)) return 101;
    return frame->CloseCode();
  }

  static ConnectOptions From(const std::string& origin, const std::string& host = "") {
    ConnectOptions options;
    options.host = host;
    options.headers = {{"Origin", origin}};
    return options;
  }
};

}  // namespace access_rules
