// A client that sends more than its tokens pay for is read more slowly, and nothing is refused.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/unit/ws_edge/connected_session.h"

namespace edge {
namespace {

using std::chrono::milliseconds;
using support::Opcode;

constexpr std::string_view kSend = R"({"cmd":"send_to_group","group_id":"g","message":"x"})";

class SessionPaceTest : public ConnectedSessionTest {
 protected:
  SessionPaceTest() { limits_.pace = {{.per_second = 100, .burst = 200}, {1 << 20, 4 << 20}}; }

  // The client writes at once, without waiting, as far as the socket takes it.
  void Flood(Opcode opcode, std::string_view payload, size_t count, bool fin = true) {
    const std::string frame = support::EncodeFrame(
        {.fin = fin, .opcode = static_cast<uint8_t>(opcode), .payload = std::string(payload)});
    for (size_t i = 0; i < count; ++i) unsent_ += frame;
    const ssize_t sent = ::send(peer_, unsent_.data(), unsent_.size(), MSG_DONTWAIT);
    if (sent > 0) unsent_.erase(0, static_cast<size_t>(sent));
    Turns();
  }
  // A frame or two are read in a turn.
  void Turns() {
    for (int i = 0; i < 300; ++i) Turn();
  }
  void Sweep(milliseconds time) {
    for (milliseconds passed{0}; passed < time; passed += kSweepInterval) {
      clock_.Step(kSweepInterval);
      deadlines_.Sweep();
      Turns();
    }
  }

  std::string unsent_;  // the rest of what the client writes
};

TEST_F(SessionPaceTest, ABurstIsReadAtOnceAndTheRestAsTokensCome) {
  Upgrade(kEnvelopedSubprotocol);
  Flood(Opcode::kText, kSend, 400);
  EXPECT_TRUE(session_->held());
  const size_t burst = commands_.size();
  EXPECT_GE(burst, 150u);
  EXPECT_LE(burst, 250u) << "one read may exceed the tokens";
  Sweep(milliseconds(1000));
  EXPECT_GE(commands_.size(), burst + 70);
  EXPECT_LE(commands_.size(), burst + 130);
  Sweep(milliseconds(2000));
  EXPECT_EQ(commands_.size(), 400u) << "nothing is lost";
  EXPECT_FALSE(session_->held());
  EXPECT_FALSE(session_->closing());
}

TEST_F(SessionPaceTest, PingsAndEmptyFragmentsCostTokensToo) {
  Upgrade(kEnvelopedSubprotocol);
  Flood(Opcode::kPing, "", 300);
  EXPECT_TRUE(session_->held());
  Sweep(milliseconds(5000));
  EXPECT_FALSE(session_->held());
  Flood(Opcode::kText, "", 1, /*fin=*/false);
  Flood(Opcode::kContinuation, "", 6000, /*fin=*/false);
  EXPECT_TRUE(session_->held());
}

TEST_F(SessionPaceTest, AnAnswerCountsAsBytes) {
  Upgrade(kEnvelopedSubprotocol);
  session_->ChargeAnswer(limits_.pace.bytes.burst + limits_.pace.bytes.per_second);
  Flood(Opcode::kText, kSend, 1);  // a read was under way
  Flood(Opcode::kText, kSend, 1);
  EXPECT_TRUE(session_->held());
  EXPECT_EQ(commands_.size(), 1u);
  Sweep(milliseconds(1100));
  EXPECT_EQ(commands_.size(), 2u);
}

TEST_F(SessionPaceTest, ARateOfZeroIsAny) {
  limits_.pace = {{.per_second = 0, .burst = 1}, {.per_second = 0, .burst = 1}};
  Upgrade(kEnvelopedSubprotocol);
  Flood(Opcode::kText, kSend, 400);
  EXPECT_EQ(commands_.size(), 400u);
  EXPECT_FALSE(session_->held());
}

TEST_F(SessionPaceTest, AClientThatSendsTooMuchWithoutAPauseIsClosed) {
  Upgrade(kEnvelopedSubprotocol);
  const auto flood_for = [this](milliseconds time) {
    for (milliseconds passed{0}; passed < time; passed += kSweepInterval) {
      Flood(Opcode::kText, kSend, 1000);
      Sweep(kSweepInterval);
    }
  };
  flood_for(kHeldLongest - kSweepInterval);
  EXPECT_FALSE(session_->closing());
  flood_for(2 * kSweepInterval);
  EXPECT_TRUE(session_->closing());
  EXPECT_NE(Receive(1 << 20).find(kClosedForRate.text), std::string::npos);
}

TEST_F(SessionPaceTest, AClientThatPausesIsNotClosed) {
  Upgrade(kEnvelopedSubprotocol);
  for (int i = 0; i < 8; ++i) {
    Flood(Opcode::kText, kSend, 400);
    Sweep(milliseconds(5000));
    EXPECT_FALSE(session_->closing());
  }
  EXPECT_EQ(commands_.size(), 3200u);
}

TEST_F(SessionPaceTest, AHeldSessionIsJudgedNeitherByItsPongNorByItsMessage) {
  Upgrade(kEnvelopedSubprotocol);
  session_->ChargeAnswer(limits_.pace.bytes.burst + 9 * limits_.pace.bytes.per_second);
  Flood(Opcode::kText, "{", 1, /*fin=*/false);
  EXPECT_TRUE(session_->held());
  session_->SendPing();
  Turn();
  EXPECT_FALSE(session_->silent());
  Flood(Opcode::kPong, "", 1);
  limits_.message_timeout = milliseconds(5000);
  Sweep(milliseconds(8000));
  EXPECT_TRUE(session_->held());
  EXPECT_FALSE(session_->closing());
  Sweep(milliseconds(2000));
  EXPECT_FALSE(session_->held());
  EXPECT_FALSE(session_->silent()) << "its pong is read first";
  Sweep(milliseconds(5000));
  EXPECT_TRUE(session_->closing()) << "the message never came";
}

TEST_F(SessionPaceTest, AHeldSessionHearsTheCloseFrame) {
  Upgrade(kEnvelopedSubprotocol);
  Flood(Opcode::kText, kSend, 400);
  EXPECT_TRUE(session_->held());
  session_->Close(kClosedForDrain);
  Say(Opcode::kClose, "\x0f\xa1");
  ::shutdown(peer_, SHUT_WR);
  Sweep(milliseconds(1000));
  EXPECT_TRUE(over_);
}

TEST_F(SessionPaceTest, AHeldSessionThatIsAbortedIsOver) {
  Upgrade(kEnvelopedSubprotocol);
  Flood(Opcode::kText, kSend, 400);
  EXPECT_TRUE(session_->held());
  session_->Abort();
  Turns();
  EXPECT_TRUE(over_);
}

TEST_F(SessionPaceTest, WhileCommandsAreHeldNothingIsReadAndNothingIsJudged) {
  Upgrade(kEnvelopedSubprotocol);
  session_->HoldCommands(true);
  Flood(Opcode::kText, kSend, 10);
  EXPECT_EQ(commands_.size(), 1u) << "a read was under way; the rest is in the buffer";
  EXPECT_TRUE(session_->held());
  session_->SendPing();
  Turn();
  EXPECT_FALSE(session_->silent());
  session_->HoldCommands(false);
  Turns();
  EXPECT_EQ(commands_.size(), 10u);
  EXPECT_FALSE(session_->held());
}

TEST_F(SessionPaceTest, ASessionWhoseCommandsAreHeldCanBeClosedAndAborted) {
  Upgrade(kEnvelopedSubprotocol);
  session_->HoldCommands(true);
  Flood(Opcode::kText, kSend, 10);
  session_->Close(kClosedForDrain);
  Turns();
  EXPECT_EQ(commands_.size(), 1u);
  session_->HoldCommands(true);  // as its last sends are answered
  session_->Abort();
  Turns();
  EXPECT_TRUE(over_);
}

TEST_F(SessionPaceTest, AnAbortedSessionCarriesNothingOutThatItHadRead) {
  Upgrade(kEnvelopedSubprotocol);
  session_->HoldCommands(true);
  Flood(Opcode::kText, kSend, 10);
  session_->Abort();
  Turns();
  EXPECT_EQ(commands_.size(), 1u);
  EXPECT_TRUE(over_);
}

TEST_F(SessionPaceTest, AMessageThatIsNotEvenAHeaderEndsTheSession) {
  Upgrade();
  const char first_byte = '\x81';
  ::send(peer_, &first_byte, 1, 0);
  Turn();
  Sweep(limits_.message_timeout + kSweepInterval);
  EXPECT_TRUE(session_->closing());
}

TEST_F(SessionPaceTest, EmptyFragmentsDoNotKeepAMessageAlive) {
  limits_.message_timeout = milliseconds(1000);
  Upgrade();
  Flood(Opcode::kText, "", 1, /*fin=*/false);
  for (int i = 0; i < 11; ++i) {
    Flood(Opcode::kContinuation, "", 1, /*fin=*/false);
    Sweep(kSweepInterval);
  }
  EXPECT_TRUE(session_->closing());
}

}  // namespace
}  // namespace edge
