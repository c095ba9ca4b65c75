// Frames, case by case, against a real edge: each case states what comes back. After each one a
// bystander in the same edge, a member of another group, receives a fresh publication.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "tests/hostile/frames/frame_cases.h"
#include "tests/integration/bystander_deployment.h"

namespace frames {
namespace {

using support::Frame;
using support::Opcode;
using support::WebSocketClient;

// Longer cases are not sent byte by byte.
constexpr std::size_t kBytewiseMax = 1'024;

Cases AllCases() {
  Cases all;
  for (const auto make : {LengthCases, HeaderCases, FragmentCases, ControlCases, CloseCases,
                          ValidTextCases, InvalidTextCases}) {
    Cases some = make();
    std::move(some.begin(), some.end(), std::back_inserter(all));
  }
  return all;
}

class Frames : public BystanderDeployment, public ::testing::WithParamInterface<Case> {
 protected:
  static void SetUpTestSuite() {
    Deploy({});
    StartBystander();
  }

  static WebSocketClient Connect(bool enveloped) {
    support::ConnectOptions options;
    if (enveloped) options.subprotocols = support::kEnvelopedSubprotocol;
    WebSocketClient client(Port(), options);
    if (enveloped) {
      EXPECT_EQ(client.ReadEvent().at("event").as_string(), "welcome");
    }
    client.Join(kGroup);
    return client;
  }

  static void ExpectAnswers(WebSocketClient& client) {
    for (const Answer& answer : GetParam().answers) {
      ASSERT_NO_FATAL_FAILURE(ExpectAnswer(client, answer));
    }
    const bool over =
        !GetParam().answers.empty() && GetParam().answers.back().kind == Answer::Kind::kClose;
    if (!over) return client.ExpectSilence();
    client.connection().ShutdownWrite();
    EXPECT_TRUE(client.AwaitEnd());
  }

  static void ExpectAnswer(WebSocketClient& client, const Answer& answer) {
    switch (answer.kind) {
      case Answer::Kind::kMessage:
        if (client.enveloped()) {
          EXPECT_EQ(client.ReadEvent().at("message").as_string(), answer.text);
        } else {
          EXPECT_EQ(client.ReadMessage(), answer.text);
        }
        break;
      case Answer::Kind::kError: {
        const std::string text = client.ReadMessage();
        EXPECT_EQ(
            client.enveloped() ? support::ParseErrorEvent(text).code : support::ErrorCode(text),
            answer.text);
        break;
      }
      case Answer::Kind::kPong: {
        const Frame frame = Next(client);
        ASSERT_TRUE(frame.Is(Opcode::kPong)) << "came: " << frame.payload;
        EXPECT_EQ(frame.payload, answer.text);
        break;
      }
      case Answer::Kind::kClose: {
        const Frame frame = Next(client);
        ASSERT_TRUE(frame.Is(Opcode::kClose)) << "came: " << frame.payload;
        EXPECT_EQ(std::count(answer.codes.begin(), answer.codes.end(), frame.CloseCode()), 1)
            << "closed with " << frame.CloseCode() << " " << frame.CloseReason();
        EXPECT_NE(frame.CloseReason().find(answer.text), std::string::npos)
            << "the reason is: " << frame.CloseReason();
        break;
      }
    }
  }

 private:
  static Frame Next(WebSocketClient& client) {
    std::optional<Frame> frame = client.ReadFrame();
    if (!frame) throw support::TestFailure("nothing came back");
    return std::move(*frame);
  }
};

TEST_P(Frames, AreAnsweredAsTheTableSaysInBothDialects) {
  for (const bool enveloped : {false, true}) {
    WebSocketClient client = Connect(enveloped);
    // The edge may close before all of a large message is sent; what it answers is what counts.
    client.connection().SendWhileItMoves(GetParam().bytes, support::kPatience);
    ExpectAnswers(client);
  }
  ExpectBystanderUnharmed();
}

TEST_P(Frames, AreAnsweredTheSameWhenEachByteIsSentAlone) {
  if (GetParam().bytes.size() > kBytewiseMax) return;
  WebSocketClient client = Connect(/*enveloped=*/false);
  for (const char byte : GetParam().bytes) {
    client.connection().SendWhileItMoves({&byte, 1}, support::kPatience);
  }
  ExpectAnswers(client);
  ExpectBystanderUnharmed();
}

INSTANTIATE_TEST_SUITE_P(Cases, Frames, ::testing::ValuesIn(AllCases()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace frames
