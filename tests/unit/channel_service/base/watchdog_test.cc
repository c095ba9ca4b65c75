#include "channel_service/base/watchdog.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <semaphore>

#include "channel_service/base/log.h"

namespace channel {
namespace {

constexpr std::chrono::milliseconds kPatience{200};
constexpr std::chrono::milliseconds kLook{10};

// A loop that does something else for ever.
[[gnu::noinline]] void StandStillForEver() {
  while (true) ::pause();
}

TEST(WatchdogDeathTest, ALoopThatStandsStillEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ASSERT_TRUE(InitLog("test", "info").ok());  // to stderr
        const Watchdog watchdog(
            ::pthread_self(), [] { return int64_t{7}; }, kPatience, kLook);
        StandStillForEver();
      },
      ::testing::KilledBySignal(SIGABRT), "has not turned for 200 ms(.|\n)*StandStillForEver");
}

TEST(WatchdogTest, ALoopThatTurnsIsLeftAlone) {
  constexpr int64_t kTurns = 3 * kPatience / kLook;
  std::binary_semaphore turned(0);
  int64_t turns = 0;
  const auto beat = [&] {
    if (++turns == kTurns) turned.release();
    return turns;
  };
  const Watchdog watchdog(::pthread_self(), beat, kPatience, kLook);
  turned.acquire();
}

}  // namespace
}  // namespace channel
