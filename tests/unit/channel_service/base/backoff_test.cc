#include "channel_service/base/backoff.h"

#include <gtest/gtest.h>

#include <set>

namespace channel {
namespace {

using std::chrono::milliseconds;

TEST(BackoffTest, WaitsGrowToTheLongestAndAreSpread) {
  Backoff backoff(milliseconds(100), milliseconds(2000), /*seed=*/7);
  std::set<int64_t> waits;
  for (int i = 0; i < 200; ++i) {
    const auto wait = backoff.Next();
    EXPECT_GE(wait.count(), 50);
    EXPECT_LE(wait.count(), 2000);
    waits.insert(wait.count());
  }
  EXPECT_GT(waits.size(), 100u);
  EXPECT_GT(*waits.rbegin(), 1500);
}

TEST(BackoffTest, AfterAResetItBeginsAgain) {
  Backoff backoff(milliseconds(100), milliseconds(2000), /*seed=*/7);
  for (int i = 0; i < 10; ++i) backoff.Next();
  backoff.Reset();
  EXPECT_LE(backoff.Next().count(), 100);
}

}  // namespace
}  // namespace channel
