// Bad requests, row by row, and clients that vanish (frames: tests/hostile/frames). Each row states
// what comes back; after each row a bystander in the same edge process, joined to another group,
// receives fresh publications.

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/integration/bad_input_rows.h"
#include "tests/integration/bystander_deployment.h"

namespace {

using bad_input::HttpRow;
using bad_input::HttpRows;
using support::HttpResponse;
using support::WebSocketClient;

class BadInput : public BystanderDeployment {
 protected:
  static void SetUpTestSuite() {
    DeployWithEdges({"--upgrade_timeout=1s"});
    StartBystander();
  }
};

class BadHttp : public BadInput, public ::testing::WithParamInterface<HttpRow> {};

TEST_P(BadHttp, IsAnsweredAsTheTableSays) {
  const HttpRow& row = GetParam();
  support::TcpConnection connection(Port());
  connection.SendWhileItMoves(row.bytes, support::kPatience);
  std::string rest;
  const HttpResponse response = support::ReadHttpResponse(connection, rest);
  EXPECT_EQ(std::count(row.statuses.begin(), row.statuses.end(), response.status), 1)
      << "answered " << response.status << " " << response.body;
  EXPECT_EQ(response.Header("x-channel-edge"), "edge-1");
  std::string answer = response.body;
  for (const auto& [name, value] : response.headers) answer += "\n" + name + ": " + value;
  for (const std::string& part : row.answer_has) {
    EXPECT_NE(answer.find(part), std::string::npos) << part << " is not in: " << answer;
  }
  ExpectBystanderUnharmed();
}

INSTANTIATE_TEST_SUITE_P(Rows, BadHttp, ::testing::ValuesIn(HttpRows()),
                         [](const auto& row) { return row.param.name; });

TEST_F(BadInput, AClientThatVanishesInTheMiddleOfAFrameHarmsNobody) {
  const std::string frame = support::EncodeText(R"({"cmd":"add_group","group_id":"1"})");
  for (std::size_t cut = 1; cut < frame.size(); cut += 5) {
    WebSocketClient client(Port());
    client.SendRaw(frame.substr(0, cut));
    client.connection().Reset();
    ExpectBystanderUnharmed();
  }
}

TEST_F(BadInput, AClientThatVanishesInTheMiddleOfAHandshakeHarmsNobody) {
  const std::string head = support::UpgradeRequestHead();
  for (std::size_t cut = 0; cut < head.size(); cut += 20) {
    support::TcpConnection connection(Port());
    connection.Send(head.substr(0, cut));
    connection.Reset();
    ExpectBystanderUnharmed();
  }
}

}  // namespace
