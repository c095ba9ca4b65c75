// Deadlines begin when there is something to wait for, and not before.
#include "ws_edge/session/session_deadlines.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/unit/ws_edge/connected_session.h"

namespace edge {
namespace {

using std::chrono::milliseconds;

class SessionDeadlinesTest : public ConnectedSessionTest {
 protected:
  // As the edge's timer does, for so long.
  void Sweep(milliseconds time) {
    for (milliseconds passed{0}; passed < time; passed += kSweepInterval) {
      clock_.Step(kSweepInterval);
      deadlines_.Sweep();
      Turn();
    }
  }
  void FillQueue() {
    const FramePtr frame = Frame::Encode(Opcode::kText, std::string(10'000, 'x'));
    while (session_->queued_bytes() < limits_.session_queue_bytes_max * 3 / 4) {
      session_->Deliver(frame);
      Turn();
    }
  }
};

TEST_F(SessionDeadlinesTest, AnOpeningSessionThatWasNotPingedIsNotSilent) {
  EXPECT_FALSE(session_->silent());
  session_->SendPing();  // not accepted yet: no ping goes out
  EXPECT_FALSE(session_->silent());
  EXPECT_TRUE(Upgrade().starts_with("HTTP/1.1 101"));
  EXPECT_FALSE(session_->silent());
}

TEST_F(SessionDeadlinesTest, ASessionIsSilentUntilItsPingIsAnswered) {
  Upgrade();
  session_->SendPing();
  Turn();
  EXPECT_TRUE(session_->silent());
  Say(support::Opcode::kPong, "");
  EXPECT_FALSE(session_->silent());
}

TEST_F(SessionDeadlinesTest, ASlowReaderIsNotSilentWhileThePingWaitsBehindWhatItTakes) {
  Upgrade();
  FillQueue();
  session_->SendPing();
  Turn();
  EXPECT_TRUE(session_->silent()) << "it takes nothing";
  Receive(300'000);
  Turn();
  EXPECT_FALSE(session_->silent()) << "the ping has not even left";
}

TEST_F(SessionDeadlinesTest, AMessageThatIsNotCompleteInTimeEndsTheSession) {
  Upgrade();
  Sweep(limits_.message_timeout);  // the time before it began does not count
  Say(support::Opcode::kText, "{", /*fin=*/false);
  Sweep(limits_.message_timeout - kSweepInterval);
  EXPECT_FALSE(session_->closing());
  Sweep(kSweepInterval);
  EXPECT_TRUE(session_->closing());
}

TEST_F(SessionDeadlinesTest, AfterTheLoopWasHeldUpWhatHasComeIsReadFirst) {
  Upgrade();
  Say(support::Opcode::kText, "{", /*fin=*/false);
  Sweep(kSweepInterval);
  clock_.Step(limits_.message_timeout);
  deadlines_.Sweep();
  EXPECT_FALSE(session_->closing()) << "the rest may have come";
  Say(support::Opcode::kContinuation, R"("cmd":"ping"})");
  Sweep(limits_.message_timeout);
  EXPECT_FALSE(session_->closing());
}

TEST_F(SessionDeadlinesTest, ACloseThatIsNotAnsweredEndsTheSession) {
  Upgrade();
  session_->Close(kClosedForDrain);
  Sweep(kCloseTimeout - kSweepInterval);
  EXPECT_FALSE(over_);
  Sweep(kSweepInterval);
  EXPECT_TRUE(over_);
}

TEST_F(SessionDeadlinesTest, ACloseThatWaitsBehindWhatTheClientTakesIsNotOverdueYet) {
  Upgrade();
  FillQueue();
  session_->Close(kClosedForDrain);
  std::string received;
  for (int i = 0; i < 3; ++i) {
    received += Receive(250'000);
    Sweep(kCloseTimeout);
    EXPECT_FALSE(over_) << "it takes what is queued";
  }
  for (int i = 0; i < 100; ++i) {
    received += Receive();
    Turn();
  }
  EXPECT_TRUE(received.ends_with("draining"));
  EXPECT_EQ(session_->queued_bytes(), 0u);
  Sweep(kCloseTimeout);
  EXPECT_TRUE(over_);
}

TEST_F(SessionDeadlinesTest, AClientThatTakesNothingOrDawdlesIsEnded) {
  Upgrade();
  FillQueue();
  session_->Close(kClosedForDrain);
  Sweep(kCloseTimeout);
  EXPECT_TRUE(over_);
}

TEST_F(SessionDeadlinesTest, ACloseFrameIsNotThrownAwayByWhatComesAfterIt) {
  Upgrade(kEnvelopedSubprotocol);
  session_->CloseAsSlow();
  session_->CloseAsSlow();  // an answer that did not fit either
  Turn();
  EXPECT_NE(Receive().find("slow consumer"), std::string::npos);
}

}  // namespace
}  // namespace edge
