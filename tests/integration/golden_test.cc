// Plays the transcripts of tests/golden against real processes. Their format is in
// tests/golden/README.md.

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "tests/integration/transcript.h"
#include "tests/support/deployment.h"
#include "tests/support/service_client.h"
#include "tests/support/web_socket_client.h"

namespace {

using golden::Captures;
using golden::Line;
using golden::Transcript;
using support::Frame;
using support::Opcode;
using support::TestFailure;
using support::WebSocketClient;

constexpr int kEdges = 2;

class Stage {
 public:
  Stage(support::Deployment& deployment, bool may_stop_processes)
      : deployment_(deployment),
        service_(deployment.service_port()),
        may_stop_processes_(may_stop_processes) {}

  void Play(const Line& line) {
    SCOPED_TRACE("line " + std::to_string(line.number));
    if (line.kind == "@") return Open(line.connection, line.text());
    if (line.kind == "^") return Publish(captures_.Fill(line.text()));
    if (line.kind == "~" && line.connection.empty()) return Happen(line.text());
    if (clients_.count(line.connection) == 0) Open(line.connection, "1");
    WebSocketClient& client = clients_.at(line.connection);
    if (line.kind == ">") {
      client.SendText(captures_.Fill(line.text()));
    } else if (line.kind == ">x") {
      client.SendRaw(golden::FromHex(line.text()));
    } else if (line.kind == "<") {
      ExpectText(line.text(), client.ReadMessage());
    } else if (line.kind == "<?") {
      ExpectInAnyOrder(line.texts, client);
    } else if (line.kind == "<x") {
      const Frame frame = client.ReadData();
      EXPECT_TRUE(frame.Is(Opcode::kBinary));
      EXPECT_EQ(frame.payload, golden::FromHex(line.text()));
    } else if (line.kind == "!") {
      ExpectClosed(line.connection, line.text());
    } else if (line.kind == "=") {
      EXPECT_EQ(client.subprotocol(), line.text());
    } else if (line.kind == "~" && line.text() == "vanishes") {
      client.connection().Reset();
      clients_.erase(line.connection);
    } else {
      throw TestFailure("what is " + line.kind + " " + line.text() + "?");
    }
  }

  // The transcript is over: nothing else may have come to anybody.
  void ExpectSilence() {
    for (auto& [name, client] : clients_) {
      SCOPED_TRACE("connection " + name);
      client.ExpectSilence();
    }
  }

 private:
  // "N", "N enveloped" or "N offers SUBPROTOCOLS".
  void Open(const std::string& connection, const std::string& text) {
    const int edge = std::stoi(text);
    const std::string how = text.size() < 2 ? "" : text.substr(2);
    const std::string offers = "offers ";
    support::ConnectOptions options;
    if (how == "enveloped") {
      options.subprotocols = support::kEnvelopedSubprotocol;
    } else if (how.rfind(offers, 0) == 0) {
      options.subprotocols = how.substr(offers.size());
    } else if (!how.empty()) {
      throw TestFailure("how is one connected " + how + "?");
    }
    const std::string& name = deployment_.edge(edge).name;
    auto client = WebSocketClient::OnEdge(deployment_.edge_port(), name, options);
    if (how == "enveloped") {
      EXPECT_TRUE(client.enveloped());
      EXPECT_EQ(client.ReadEvent().at("event").as_string(), "welcome");
    }
    clients_.erase(connection);
    clients_.emplace(connection, std::move(client));
  }

  void Publish(const std::string& json) {
    channel::v1::PublishRequest request;
    const auto parsed = google::protobuf::util::JsonStringToMessage(json, &request);
    if (!parsed.ok()) throw TestFailure("not a PublishRequest: " + json);
    const auto answer = service_.Publish(request);
    if (!answer.ok()) throw TestFailure("Publish: " + answer.status.error_message());
  }

  void Happen(const std::string& what) {
    if (!may_stop_processes_) throw TestFailure(what + ": only with processes of its own (%)");
    if (what == "service dies") {
      deployment_.KillServiceAtRest();
    } else if (what == "service freezes") {
      deployment_.service().process->Signal(SIGSTOP);
    } else if (what == "service thaws") {
      deployment_.service().process->Signal(SIGCONT);
    } else if (what == "service returns") {
      deployment_.StartServiceAgain();
    } else if (what.rfind("edge ", 0) == 0 && what.substr(6) == " stops") {
      deployment_.edge(what[5] - '0').process->Signal(SIGTERM);
    } else {
      throw TestFailure("how can it happen that " + what + "?");
    }
  }

  void ExpectText(const std::string& expected, const std::string& came) {
    if (!Matches(expected, came)) {
      ADD_FAILURE() << "expected: " << expected << "\n    came: " << came;
    }
  }

  // Only the words of an error are left open; everything else is compared as it is.
  bool Matches(const std::string& expected, const std::string& came) {
    const bool is_error = expected.rfind(R"({"event":"error")", 0) == 0;
    return captures_.Match(expected, came, is_error);
  }

  void ExpectInAnyOrder(const std::vector<std::string>& expected, WebSocketClient& client) {
    std::vector<std::string> came;
    for (std::size_t i = 0; i < expected.size(); ++i) came.push_back(client.ReadMessage());
    std::sort(came.begin(), came.end());
    const Captures before = captures_;
    do {
      captures_ = before;
      if (std::equal(expected.begin(), expected.end(), came.begin(),
                     [this](const auto& one, const auto& other) { return Matches(one, other); })) {
        return;
      }
    } while (std::next_permutation(came.begin(), came.end()));
    ADD_FAILURE() << "in no order is this as expected: " << ::testing::PrintToString(came);
  }

  void ExpectClosed(const std::string& connection, const std::string& expected) {
    WebSocketClient& client = clients_.at(connection);
    const std::optional<Frame> frame = client.ReadFrame();
    if (!frame || !frame->Is(Opcode::kClose)) throw TestFailure("no close frame");
    const std::string came = std::to_string(frame->CloseCode()) + " " + frame->CloseReason();
    EXPECT_TRUE(captures_.Match(expected, came, /*words_are_open=*/true))
        << "expected: " << expected << "\n    came: " << came;
    client.connection().ShutdownWrite();
    EXPECT_TRUE(client.AwaitEnd());
    clients_.erase(connection);
  }

  support::Deployment& deployment_;
  support::ServiceClient service_;
  const bool may_stop_processes_;
  std::map<std::string, WebSocketClient> clients_;
  Captures captures_;
};

class Golden : public ::testing::TestWithParam<std::string> {
 protected:
  // One deployment for all transcripts that do not ask for their own.
  static support::Deployment& Shared() {
    if (shared_ == nullptr) shared_ = Deploy({});
    return *shared_;
  }
  static void TearDownTestSuite() { shared_.reset(); }

  static std::unique_ptr<support::Deployment> Deploy(const Transcript& transcript) {
    support::DeploymentOptions options;
    options.edges = kEdges;
    options.service_flags = transcript.service_flags;
    options.edge_flags = transcript.edge_flags;
    return std::make_unique<support::Deployment>(options);
  }

 private:
  static inline std::unique_ptr<support::Deployment> shared_;
};

TEST_P(Golden, TheTranscriptIsWhatHappens) {
  const Transcript transcript = golden::ReadTranscript(GetParam());
  const auto own = transcript.own_deployment ? Deploy(transcript) : nullptr;
  Stage stage(own ? *own : Shared(), transcript.own_deployment);
  for (const Line& line : transcript.lines) {
    try {
      stage.Play(line);
    } catch (const TestFailure& failure) {
      FAIL() << "line " << line.number << ": " << failure.what();
    }
  }
  stage.ExpectSilence();
}

INSTANTIATE_TEST_SUITE_P(Transcripts, Golden, ::testing::ValuesIn(golden::TranscriptNames()),
                         [](const auto& row) { return row.param; });

}  // namespace
