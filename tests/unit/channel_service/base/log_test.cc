// The log: one line for each event, whatever a peer wrote; gRPC's own lines are bounded.
#include "channel_service/base/log.h"

#include <grpc/support/log.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>

#include "channel_service/base/grpc_log.h"
#include "channel_service/base/log_gate.h"

namespace channel {
namespace {

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    EXPECT_TRUE(InitLog("test", "info").ok());
    gpr_log_verbosity_init();  // as gRPC does when it starts
  }

  template <typename Write>
  std::string Logged(Write write) {
    testing::internal::CaptureStderr();
    write();
    return testing::internal::GetCapturedStderr();
  }
};

int Lines(const std::string& text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

TEST_F(LogTest, AMessageIsOneLineWhateverItHolds) {
  const std::string log = Logged([] { spdlog::warn("said: {}", "a\n2026 info forged\x1b[2J"); });
  EXPECT_TRUE(log.ends_with("Z warning test said: a\\n2026 info forged\\x1b[2J\n")) << log;
  EXPECT_EQ(Lines(log), 1);
}

TEST_F(LogTest, ALongMessageIsCut) {
  const std::string log = Logged([] { spdlog::warn(std::string(kLogLineBytesMax + 1, 'a')); });
  EXPECT_TRUE(log.ends_with("aaa...\n"));
  EXPECT_LT(log.size(), kLogLineBytesMax + 100);
}

TEST_F(LogTest, OnlySomeOfGrpcsLinesPass) {
  const std::string log = Logged([] {
    for (int i = 0; i < 1000; ++i) gpr_log(GPR_ERROR, "a stranger\ndid this %d", i);
  });
  // The first ones, and as many again for each second that this took.
  EXPECT_NE(log.find("warning test gRPC: a stranger\\ndid this 0 (log_test.cc:"), std::string::npos)
      << log;
  EXPECT_GE(Lines(log), kGrpcLinesPerSecondMax);
  EXPECT_LT(Lines(log), 500);
}

TEST_F(LogTest, GrpcsLastWordAlwaysPasses) {
  const std::string log = Logged([] {
    for (int i = 0; i < 100; ++i) gpr_log(GPR_ERROR, "noise");
    gpr_log(GPR_ERROR, "assertion failed: %s", "0 == 1");
  });
  EXPECT_NE(log.find("critical test gRPC: assertion failed: 0 == 1"), std::string::npos) << log;
}

TEST(LogGateTest, LinesPassUpToTheBoundOfASecondAndTheOthersAreCounted) {
  LogGate gate(2);
  const SteadyTime start{std::chrono::hours(1)};
  EXPECT_EQ(gate.Pass(start), 0u);
  EXPECT_EQ(gate.Pass(start), 0u);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(gate.Pass(start + std::chrono::milliseconds(999)));
  EXPECT_EQ(gate.Pass(start + std::chrono::seconds(1)), 3u);
  EXPECT_EQ(gate.Pass(start + std::chrono::seconds(1)), 0u);
  EXPECT_FALSE(gate.Pass(start + std::chrono::seconds(1)));
}

}  // namespace
}  // namespace channel
