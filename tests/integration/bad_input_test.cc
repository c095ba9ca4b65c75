// Bad input, row by row: each row states what comes back; after each row a bystander in the same
// edge process, joined to another group, receives fresh publications.

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "tests/integration/bad_input_rows.h"
#include "tests/integration/shared_deployment.h"

namespace {

using bad_input::FrameRow;
using bad_input::FrameRows;
using bad_input::HttpRow;
using bad_input::HttpRows;
using support::Frame;
using support::HttpResponse;
using support::Opcode;
using support::WebSocketClient;

constexpr const char* kBystanderGroup = "bystander";

class BadInput : public SharedDeployment {
 protected:
  static void SetUpTestSuite() {
    DeployWithEdges({"--upgrade_timeout=1s"});
    StartBystander();
  }
  static void TearDownTestSuite() {
    bystander_.reset();
    SharedDeployment::TearDownTestSuite();
  }

  // Frames that a failed row left unread must not fail the rows after it.
  void TearDown() override {
    if (HasFailure()) StartBystander();
  }

  static void StartBystander() {
    bystander_.emplace(Port());
    bystander_->JoinAndWait(kBystanderGroup);
  }

  // A publication of now, from a back end.
  void ExpectBystanderUnharmed() {
    static int count = 0;
    const std::string fresh = "fresh " + std::to_string(++count);
    service().MustPublish(kBystanderGroup, fresh);
    EXPECT_EQ(bystander_->ReadMessage(), fresh);
  }

  // The client was kept: nothing else has come to it, and what it sends arrives.
  static void ExpectKept(WebSocketClient& client, const std::string& row_name) {
    client.ExpectSilence();
    client.Publish(kBystanderGroup, row_name);
    EXPECT_EQ(bystander_->ReadMessage(), row_name);
  }

  // A client with envelopes; the welcome is read.
  static WebSocketClient ConnectEnveloped() {
    support::ConnectOptions options;
    options.subprotocols = support::kEnvelopedSubprotocol;
    WebSocketClient client(Port(), options);
    EXPECT_TRUE(client.enveloped());
    EXPECT_EQ(client.ReadEvent().at("event").as_string(), "welcome");
    return client;
  }

  static void ExpectClosed(WebSocketClient& client, const FrameRow& row) {
    const std::optional<Frame> frame = client.ReadFrame();
    ASSERT_TRUE(frame) << "nothing came back";
    ASSERT_TRUE(frame->Is(Opcode::kClose)) << "came back: " << frame->payload;
    EXPECT_EQ(std::count(row.close_codes.begin(), row.close_codes.end(), frame->CloseCode()), 1)
        << "closed with " << frame->CloseCode() << " " << frame->CloseReason();
    EXPECT_NE(frame->CloseReason().find(row.reason_has), std::string::npos)
        << "the reason is: " << frame->CloseReason();
    client.connection().ShutdownWrite();
    EXPECT_TRUE(client.AwaitEnd());
  }

 private:
  static inline std::optional<WebSocketClient> bystander_;
};

class BadFrame : public BadInput, public ::testing::WithParamInterface<FrameRow> {};

TEST_P(BadFrame, IsAnsweredAsTheTableSaysInBothDialects) {
  const FrameRow& row = GetParam();
  for (const bool enveloped : {false, true}) {
    WebSocketClient client = enveloped ? ConnectEnveloped() : WebSocketClient(Port());
    // The edge may close before all of a large message is sent; what it answers is what counts.
    client.connection().SendWhileItMoves(row.bytes, support::kPatience);
    if (!row.close_codes.empty()) {
      ExpectClosed(client, row);
    } else {
      if (!row.error_code.empty()) {
        const std::string answer = client.ReadMessage();
        const std::string code =
            enveloped ? support::ParseErrorEvent(answer).code : support::ErrorCode(answer);
        EXPECT_EQ(code, row.error_code) << "came back: " << answer;
      }
      ExpectKept(client, row.name);
    }
    ExpectBystanderUnharmed();
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, BadFrame, ::testing::ValuesIn(FrameRows()),
                         [](const auto& row) { return row.param.name; });

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
