// One client from the upgrade to the close. Deadlines: session_deadlines_test.cc; whether the
// service is there: service_notice_test.cc; broken frames: tests/hostile/frames/frames_test.cc.
#include "ws_edge/session/session.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/ws_edge/connected_session.h"
#include "ws_edge/protocol/encode.h"

namespace edge {
namespace {

using support::Opcode;

const std::string kPing = R"({"id":1,"cmd":"ping"})";

class SessionTest : public ConnectedSessionTest {
 protected:
  // Returns the answer to a text message, without the header of its frame.
  std::string Answer(std::string_view text) {
    Say(Opcode::kText, text);
    const std::string answer = Receive();
    const size_t begin = answer.find('{');
    return begin == std::string::npos ? answer : answer.substr(begin);
  }
  bool HasClosed(const CloseReason& reason) {
    const std::string frames = Receive();
    const std::string code = {static_cast<char>(reason.code >> 8), static_cast<char>(reason.code)};
    return session_->closing() && frames.find(code + reason.text) != std::string::npos;
  }
};

TEST_F(SessionTest, TheSubprotocolDecidesOnTheDialect) {
  EXPECT_NE(Upgrade(kEnvelopedSubprotocol).find(R"({"event":"welcome")"), std::string::npos);
  EXPECT_EQ(session_->dialect(), Dialect::kEnveloped);
  EXPECT_EQ(Answer(kPing), R"({"event":"pong","id":1})");
  EXPECT_TRUE(commands_.empty()) << "a ping concerns no group";
}

TEST_F(SessionTest, ThePlainDialectHasNoWelcomeAndNoPing) {
  EXPECT_TRUE(Upgrade().ends_with("\r\n\r\n"));
  EXPECT_NE(Answer(kPing).find("unknown_command"), std::string::npos);
}

TEST_F(SessionTest, ABadCommandIsAnsweredAndTheNextOneReachesTheOwner) {
  Upgrade(kEnvelopedSubprotocol);
  EXPECT_NE(Answer("hello").find("bad_request"), std::string::npos);
  EXPECT_EQ(Answer(R"({"cmd":"add_group","group_id":"g"})"), "");
  ASSERT_EQ(commands_.size(), 1u);
  EXPECT_EQ(commands_[0].kind, CommandKind::kAddGroup);
  EXPECT_FALSE(session_->closing());
}

TEST_F(SessionTest, AMessageOfSeveralFramesIsOne) {
  Upgrade(kEnvelopedSubprotocol);
  Say(Opcode::kText, R"({"cmd":"leave_group",)", /*fin=*/false);
  EXPECT_TRUE(commands_.empty());
  Say(Opcode::kContinuation, R"("group_id":"g"})");
  ASSERT_EQ(commands_.size(), 1u);
  EXPECT_EQ(commands_[0].kind, CommandKind::kLeaveGroup);
}

TEST_F(SessionTest, AMessageOverTheLimitEndsIt) {
  limits_.message_bytes_max = 1000;
  Upgrade();
  Say(Opcode::kText, std::string(1000, ' '));
  EXPECT_FALSE(session_->closing()) << "at the limit";
  Say(Opcode::kText, std::string(1001, ' '));
  EXPECT_TRUE(HasClosed({1009, "", "message over 1000 bytes"}));
}

TEST_F(SessionTest, NothingIsDeliveredAndNothingIsHeardAfterTheFirstReasonToClose) {
  Upgrade(kEnvelopedSubprotocol);
  session_->Close(kClosedForDrain);
  session_->Close(kClosedForPong);
  session_->Deliver(EncodeService(true));
  Say(Opcode::kText, R"({"cmd":"add_group","group_id":"g"})");
  EXPECT_TRUE(HasClosed(kClosedForDrain));
  EXPECT_TRUE(commands_.empty());
  EXPECT_FALSE(over_);
  Say(Opcode::kClose, "\x0f\xa1");
  ::shutdown(peer_, SHUT_WR);
  Turn();
  EXPECT_TRUE(over_);
}

TEST_F(SessionTest, ACloseThatIsAskedForDuringTheUpgradeComesBehindIt) {
  session_->Close(kClosedForOrigin);
  EXPECT_FALSE(session_->closing());
  const std::string answer = Upgrade();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 101")) << answer;
  EXPECT_NE(answer.find(kClosedForOrigin.text), std::string::npos) << answer;
}

TEST_F(SessionTest, AClientThatVanishesIsOver) {
  Upgrade();
  ::shutdown(peer_, SHUT_RDWR);
  Turn();
  EXPECT_TRUE(over_);
}

}  // namespace
}  // namespace edge
