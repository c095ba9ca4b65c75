// How the table finds, forgets and counts; its meaning for publications: dedup_table_test.cc.
#include "channel_service/engine/key_table.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <string>
#include <utility>

namespace channel {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

constexpr size_t kPlenty = 64 << 20;
const SteadyTime kStart{std::chrono::hours(1)};

TEST(KeyTableTest, AnEmptyTableKnowsNothing) {
  KeyTable table(minutes(2), kPlenty);
  EXPECT_EQ(table.Find("g", "k"), nullptr);
  table.OnTick(kStart);
  EXPECT_EQ(table.bytes(), 0u);
}

TEST(KeyTableTest, GroupAndKeyAreNotMixedUp) {
  KeyTable table(minutes(2), kPlenty);
  table.Add("ab", "c", {1, 0}, kStart);
  EXPECT_EQ(table.Find("a", "bc"), nullptr);
  EXPECT_EQ(table.Find("abc", ""), nullptr);
  EXPECT_NE(table.Find("ab", "c"), nullptr);
}

TEST(KeyTableTest, OneKeyIsHeldHoweverSmallTheBound) {
  KeyTable table(minutes(2), 1);
  table.Add("g", "1", {1, 0}, kStart);
  table.Add("g", "2", {2, 0}, kStart);
  EXPECT_EQ(table.Find("g", "1"), nullptr);
  EXPECT_NE(table.Find("g", "2"), nullptr);
}

// Against a map that does the same: adds in bursts, so that buckets come and go.
TEST(KeyTableTest, FindsWhatAPlainMapFinds) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr size_t kBytesMax = 200'000;
  const milliseconds window(1000);
  KeyTable table(window, kBytesMax);
  std::map<std::string, uint64_t> offsets;
  std::deque<std::pair<SteadyTime, std::string>> by_age;
  const auto forget_oldest = [&] {
    offsets.erase(by_age.front().second);
    by_age.pop_front();
  };
  SteadyTime now = kStart;
  for (uint64_t offset = 1; offset <= 50'000; ++offset) {
    const std::string key = std::to_string(random() % 10'000);
    const KeyTable::Used* const used = table.Find("group", key);
    const auto expected = offsets.find(key);
    ASSERT_EQ(used != nullptr, expected != offsets.end()) << key;
    if (used != nullptr) {
      ASSERT_EQ(used->offset, expected->second);
    } else {
      table.Add("group", key, {offset, 0}, now);
      offsets[key] = offset;
      by_age.emplace_back(now, key);
      while (by_age.size() > table.size()) forget_oldest();
      ASSERT_EQ(by_age.size(), table.size());
      ASSERT_LE(table.bytes(), kBytesMax);
    }
    if (random() % 1000 == 0) {
      now += milliseconds(random() % 1500);
      table.OnTick(now);
      while (!by_age.empty() && by_age.front().first + window <= now) forget_oldest();
      ASSERT_EQ(by_age.size(), table.size());
    }
  }
  table.OnTick(now + window);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.bytes(), 0u);
}

}  // namespace
}  // namespace channel
