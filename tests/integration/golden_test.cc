// Plays the transcripts of tests/golden against real processes. Their format is in
// tests/golden/README.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "tests/support/deployment.h"
#include "tests/support/web_socket_client.h"

namespace {

using support::Frame;
using support::Opcode;
using support::TestFailure;
using support::WebSocketClient;

constexpr int kEdges = 2;

struct Line {
  int number = 0;
  std::string connection;  // empty in transcripts with one connection
  std::string kind;        // ">", ">x", "<", "<x", "!", "@"
  std::string text;
};

std::vector<std::string> Transcripts() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(CHANNEL_GOLDEN_DIR)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<Line> ReadTranscript(const std::string& name) {
  std::ifstream file(std::filesystem::path(CHANNEL_GOLDEN_DIR) / (name + ".txt"));
  std::vector<Line> lines;
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    if (text.empty() || text[0] == '#') continue;
    const std::size_t mark = text.find_first_of("<>!@");
    const std::size_t space = std::min(text.find(' '), text.size());
    if (mark == std::string::npos || mark >= space) {
      throw TestFailure("line " + std::to_string(number) + " is not of a transcript: " + text);
    }
    lines.push_back({number, text.substr(0, mark), text.substr(mark, space - mark),
                     space < text.size() ? text.substr(space + 1) : ""});
  }
  return lines;
}

std::string FromHex(const std::string& hex) {
  std::string bytes;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ') continue;
    digits.push_back(c);
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<char>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  if (!digits.empty()) throw TestFailure("half a byte in: " + hex);
  return bytes;
}

// Each "*" in `pattern` stands for anything.
bool Matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] != '*') {
    return !text.empty() && pattern[0] == text[0] && Matches(pattern.substr(1), text.substr(1));
  }
  for (std::size_t skipped = 0; skipped <= text.size(); ++skipped) {
    if (Matches(pattern.substr(1), text.substr(skipped))) return true;
  }
  return false;
}

// Only the words of an error are left open; everything else is compared as it is.
void ExpectText(const std::string& expected, const std::string& came) {
  const bool is_error = expected.rfind(R"({"event":"error")", 0) == 0;
  if (is_error ? Matches(expected, came) : expected == came) return;
  ADD_FAILURE() << "expected: " << expected << "\n    came: " << came;
}

class Stage {
 public:
  explicit Stage(support::Deployment& deployment) : deployment_(deployment) {}

  void Play(const Line& line) {
    SCOPED_TRACE("line " + std::to_string(line.number));
    if (line.kind == "@") return Open(line.connection, std::stoi(line.text));
    if (clients_.count(line.connection) == 0) Open(line.connection, 1);
    WebSocketClient& client = clients_.at(line.connection);
    if (line.kind == ">") {
      client.SendText(line.text);
    } else if (line.kind == ">x") {
      client.SendRaw(FromHex(line.text));
    } else if (line.kind == "<") {
      ExpectText(line.text, client.ReadMessage());
    } else if (line.kind == "<x") {
      const Frame frame = client.ReadData();
      EXPECT_TRUE(frame.Is(Opcode::kBinary));
      EXPECT_EQ(frame.payload, FromHex(line.text));
    } else if (line.kind == "!") {
      ExpectClosed(line.connection, line.text);
    } else {
      throw TestFailure("what is " + line.kind + "?");
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
  void Open(const std::string& connection, int edge) {
    clients_.emplace(connection,
                     WebSocketClient::OnEdge(deployment_.edge_port(), deployment_.edge(edge).name));
  }

  void ExpectClosed(const std::string& connection, const std::string& expected) {
    WebSocketClient& client = clients_.at(connection);
    const std::optional<Frame> frame = client.ReadFrame();
    if (!frame || !frame->Is(Opcode::kClose)) throw TestFailure("no close frame");
    const std::string came = std::to_string(frame->CloseCode()) + " " + frame->CloseReason();
    EXPECT_TRUE(Matches(expected, came)) << "expected: " << expected << "\n    came: " << came;
    client.connection().ShutdownWrite();
    EXPECT_TRUE(client.AwaitEnd());
    clients_.erase(connection);
  }

  support::Deployment& deployment_;
  std::map<std::string, WebSocketClient> clients_;
};

class Golden : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() {
    support::DeploymentOptions options;
    options.edges = kEdges;
    deployment_ = new support::Deployment(options);
  }
  static void TearDownTestSuite() { delete std::exchange(deployment_, nullptr); }

  static inline support::Deployment* deployment_ = nullptr;
};

TEST_P(Golden, TheTranscriptIsWhatHappens) {
  ASSERT_NE(deployment_, nullptr) << "the deployment did not start";
  Stage stage(*deployment_);
  for (const Line& line : ReadTranscript(GetParam())) {
    try {
      stage.Play(line);
    } catch (const TestFailure& failure) {
      FAIL() << "line " << line.number << ": " << failure.what();
    }
  }
  stage.ExpectSilence();
}

INSTANTIATE_TEST_SUITE_P(Transcripts, Golden, ::testing::ValuesIn(Transcripts()),
                         [](const auto& row) { return row.param; });

}  // namespace
