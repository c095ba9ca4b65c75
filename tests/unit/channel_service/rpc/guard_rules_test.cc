// Tests of what the guard cuts, and above all of what it does not.
#include "channel_service/rpc/guard_rules.h"

#include <gtest/gtest.h>

namespace channel {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint64_t kMebibyte = 1 << 20;

constexpr uint64_t kUnexplainedBytesMax = UnexplainedBytesMax(64 << 10);

class ConnectionRulesTest : public ::testing::Test {
 protected:
  // Time passes, and the connection does all this meanwhile.
  // Returns whether too much is unexplained.
  bool After(milliseconds time, const ConnectionLook& more) {
    look_.at += time;
    look_.read_bytes += more.read_bytes;
    look_.sent_bytes += more.sent_bytes;
    look_.explained_bytes += more.explained_bytes;
    look_.open_calls = more.open_calls;
    return rules_.Judge(look_);
  }

  ConnectionLook look_{.at = SteadyTime(seconds(1000))};
  ConnectionRules rules_{look_.at, kUnexplainedBytesMax};
};

TEST_F(ConnectionRulesTest, MessagesAtFullSpeedAreExplained) {
  for (int i = 0; i < 1000; ++i) {
    // 400 MiB/s, in messages of 4 MiB, each of which is complete at every second look.
    const uint64_t explained = i % 2 == 0 ? 0 : 8 * kMebibyte;
    EXPECT_FALSE(
        After(milliseconds(10), {.read_bytes = 4 * kMebibyte, .explained_bytes = explained}));
  }
  EXPECT_LT(rules_.unexplained_bytes(), 8 * kMebibyte);
}

TEST_F(ConnectionRulesTest, EachOfSomeOpenCallsMayGetALargestMessage) {
  EXPECT_FALSE(After(milliseconds(10), {.read_bytes = kUnexplainedBytesMax}));
  for (uint64_t calls = 1; calls <= kUnexplainedCallsMax; ++calls) {
    EXPECT_FALSE(
        After(milliseconds(10), {.read_bytes = kUnexplainedBytesPerCall, .open_calls = calls}));
  }
  EXPECT_TRUE(
      After(milliseconds(10), {.read_bytes = kMebibyte, .open_calls = kUnexplainedCallsMax + 1}));
}

TEST_F(ConnectionRulesTest, WithoutAnOpenCallLittleIsExplained) {
  EXPECT_FALSE(After(milliseconds(10), {.read_bytes = kUnexplainedBytesMax}));
  EXPECT_TRUE(After(milliseconds(10), {.read_bytes = kMebibyte}));
}

TEST_F(ConnectionRulesTest, BytesThatNothingExplainsAddUpUnlessTheyAreSlow) {
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_FALSE(After(seconds(1), {.read_bytes = kUnexplainedBytesPerSecond}));
  }
  bool cut = false;
  int seconds_passed = 0;
  for (; !cut && seconds_passed < 1000; ++seconds_passed) {
    cut = After(seconds(1), {.read_bytes = kMebibyte});
  }
  EXPECT_LT(seconds_passed, 40);
}

TEST_F(ConnectionRulesTest, LooksThatFollowCloselyLeakAsMuch) {
  for (int i = 0; i < 100'000; ++i) {
    EXPECT_FALSE(After(milliseconds(1), {.read_bytes = kUnexplainedBytesPerSecond / 1000}));
  }
}

TEST_F(ConnectionRulesTest, AReceiverOfMuchMaySendWindowUpdates) {
  for (int i = 0; i < 10'000; ++i) {
    // 1 GiB/s; gRPC's client sends two frames of 13 bytes for each 32 KiB.
    const uint64_t sent = 10 * kMebibyte;
    EXPECT_FALSE(After(milliseconds(10), {.read_bytes = sent / 32768 * 26, .sent_bytes = sent}));
  }
}

TEST_F(ConnectionRulesTest, WhatIsExplainedIsNoCreditForLater) {
  After(milliseconds(10), {.read_bytes = 1, .explained_bytes = 100 * kUnexplainedBytesMax});
  EXPECT_TRUE(After(milliseconds(10), {.read_bytes = kUnexplainedBytesMax + kMebibyte}));
}

TEST(AddressRulesTest, CallsMayBeCancelledButNotAsAWayOfLife) {
  SteadyTime now{seconds(1000)};
  AddressRules rules;
  EXPECT_FALSE(rules.AddWasted(kWastedCallsMax, now));
  EXPECT_FALSE(rules.AddWasted(kWastedCallsMax, now += seconds(1)));
  EXPECT_TRUE(rules.AddWasted(kWastedCallsMax, now += milliseconds(100)));
  EXPECT_TRUE(rules.IsOver(now + seconds(2)));
}

TEST(AddressRulesTest, ConnectionsThatLeaveMuchUnexplainedAddUp) {
  const SteadyTime now{seconds(1000)};
  AddressRules rules;
  // However much it was, three clients that die with messages under way are no flood.
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(rules.AddNoise(100 * kMebibyte, now));
  EXPECT_TRUE(rules.AddNoise(kMebibyte, now));
}

TEST(AddressRulesTest, ConnectionsThatBringNothingAddUpIfTheyAreMany) {
  SteadyTime now{seconds(1000)};
  AddressRules rules;
  // 60 a second are allowed for ever: checks that connect and close.
  for (int i = 0; i < 60'000; ++i) EXPECT_FALSE(rules.AddNoise(0, now += milliseconds(1000) / 60));
  EXPECT_FALSE(rules.IsOver(now));
  EXPECT_TRUE(rules.IsOver(now + seconds(12)));
  int count = 1;
  while (!rules.AddNoise(0, now)) ++count;
  EXPECT_EQ(static_cast<uint64_t>(count), kAddressNoiseMax / kGoneBytesMin + 1);
}

LoopPlace Place(uint64_t polls, std::chrono::nanoseconds cpu) { return {polls, cpu}; }

TEST(PollWatchTest, ALoopThatTurnsIsNotHeldHoweverMuchItDoes) {
  PollWatch watch;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(watch.Judge(Place(static_cast<uint64_t>(2 * i + 1), milliseconds(10 * i))),
              PollWatch::Verdict::kTurns);
  }
}

TEST(PollWatchTest, ALoopThatWorksOutsideOfGrpcIsNotHeld) {
  PollWatch watch;
  EXPECT_EQ(watch.Judge(Place(2, milliseconds(0))), PollWatch::Verdict::kTurns);
  EXPECT_EQ(watch.Judge(Place(2, 10 * kPollCpuMax)), PollWatch::Verdict::kTurns);
}

TEST(PollWatchTest, ALoopThatSleepsInsideGrpcIsNotHeld) {
  PollWatch watch;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(watch.Judge(Place(1, milliseconds(1))), PollWatch::Verdict::kTurns);
  }
}

TEST(PollWatchTest, ALoopThatWorksInsideOnePollIsSuspectedThenHeld) {
  PollWatch watch;
  EXPECT_EQ(watch.Judge(Place(7, milliseconds(100))), PollWatch::Verdict::kTurns);
  EXPECT_EQ(watch.Judge(Place(7, milliseconds(100) + kPollCpuMax / 4)), PollWatch::Verdict::kTurns);
  EXPECT_EQ(watch.Judge(Place(7, milliseconds(100) + kPollCpuMax / 2)),
            PollWatch::Verdict::kSuspect);
  EXPECT_EQ(watch.Judge(Place(7, milliseconds(100) + kPollCpuMax)), PollWatch::Verdict::kHeld);
  EXPECT_EQ(watch.Judge(Place(7, milliseconds(100) + kPollCpuMax)), PollWatch::Verdict::kHeld);
  watch.Restart();
  EXPECT_EQ(watch.Judge(Place(7, milliseconds(100) + kPollCpuMax)), PollWatch::Verdict::kTurns);
}

TEST(PollWatch, ALoopThatIsBusyInsideOnePollIsSeen) {
  using std::chrono::milliseconds;
  PollWatch watch;
  EXPECT_FALSE(watch.IsBusy({.polls = 7, .cpu = milliseconds(100)}));
  watch.Judge({.polls = 7, .cpu = milliseconds(100)});
  EXPECT_FALSE(watch.IsBusy({.polls = 7, .cpu = milliseconds(101)})) << "it waits";
  EXPECT_TRUE(watch.IsBusy({.polls = 7, .cpu = milliseconds(103)}));
  EXPECT_FALSE(watch.IsBusy({.polls = 9, .cpu = milliseconds(103)})) << "it turns";
}

}  // namespace
}  // namespace channel
