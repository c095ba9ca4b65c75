// The table's own bounds, and how it forgets. The meaning of keys and sequences: tests/contract.
#include "channel_service/engine/dedup_table.h"

#include <gtest/gtest.h>

#include "channel_service/limits.h"

namespace channel {
namespace {

using std::chrono::seconds;

PublishInput Keyed(std::string_view group, std::string_view key, std::string_view body) {
  PublishInput input;
  input.group_id = group;
  input.key = key;
  input.body = body;
  return input;
}

PublishInput Numbered(std::string_view publisher, uint64_t sequence) {
  PublishInput input;
  input.group_id = "g";
  input.body = "b";
  input.publisher = publisher;
  input.sequence = sequence;
  return input;
}

class DedupTableTest : public ::testing::Test {
 protected:
  DedupTable table_{std::chrono::minutes(2), /*keys_max=*/3};
  SteadyTime now_ = SteadyTime(seconds(1000));
};

TEST_F(DedupTableTest, AKeyIsForgottenWhenItsWindowIsOver) {
  table_.Remember(Keyed("g", "k", "b"), 7, now_);
  table_.OnTick(now_ + seconds(119));
  EXPECT_TRUE(table_.Find(Keyed("g", "k", "b")).has_value());
  table_.OnTick(now_ + seconds(120));
  EXPECT_FALSE(table_.Find(Keyed("g", "k", "b")).has_value());
}

TEST_F(DedupTableTest, AFullTableRefusesInsteadOfForgetting) {
  for (const char* key : {"1", "2", "3"}) table_.Remember(Keyed("g", key, "b"), 7, now_);
  EXPECT_EQ(table_.Find(Keyed("g", "4", "b"))->code, PublishCode::kOverloaded);
  EXPECT_EQ(table_.Find(Keyed("g", "1", "b"))->code, PublishCode::kDuplicate);
}

TEST_F(DedupTableTest, ASequenceThatWasSkippedIsNotADuplicate) {
  // 4 stands where 4 + kPublisherAnswersMax will: the round must be told apart.
  table_.Remember(Numbered("p", 4), 104, now_);
  const uint64_t later = 4 + kPublisherAnswersMax;
  table_.Remember(Numbered("p", later + 2), 200, now_);
  EXPECT_FALSE(table_.Find(Numbered("p", later)).has_value());
  table_.Remember(Numbered("p", later), 201, now_);
  EXPECT_EQ(table_.Find(Numbered("p", later))->offset, 201u);
  EXPECT_EQ(table_.Find(Numbered("p", later + 2))->offset, 200u);
}

TEST_F(DedupTableTest, TheLeastRecentPublisherIsForgotten) {
  for (size_t i = 0; i <= kPublishersMax; ++i) {
    table_.Remember(Numbered("p" + std::to_string(i), 1), i + 1, now_);
  }
  EXPECT_FALSE(table_.Find(Numbered("p0", 1)).has_value());
  EXPECT_TRUE(table_.Find(Numbered("p1", 1)).has_value());
}

}  // namespace
}  // namespace channel
