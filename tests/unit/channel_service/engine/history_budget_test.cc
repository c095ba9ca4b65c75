// Tests of the order in which groups give their history.
#include "channel_service/engine/history_budget.h"

#include <gtest/gtest.h>

#include <array>

namespace channel {
namespace {

class HistoryBudgetTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (auto& share : shares_) budget_.Set(share, 0);
    EXPECT_EQ(budget_.bytes(), 0u);
    EXPECT_EQ(budget_.Largest(), nullptr);
  }

  std::array<HistoryBudget::Share, 4> shares_;
  HistoryBudget budget_;
};

TEST_F(HistoryBudgetTest, TheLargestGivesHoweverRecentlyItWasUsed) {
  EXPECT_EQ(budget_.Largest(), nullptr);
  budget_.Set(shares_[0], 100);
  budget_.Set(shares_[1], 5000);
  budget_.Set(shares_[2], 200);
  budget_.Use(shares_[1]);
  EXPECT_EQ(budget_.Largest(), &shares_[1]);
  EXPECT_EQ(budget_.bytes(), 5300u);
  budget_.Set(shares_[1], 90);
  EXPECT_EQ(budget_.Largest(), &shares_[2]);
  EXPECT_EQ(budget_.bytes(), 390u);
}

TEST_F(HistoryBudgetTest, OfThoseThatHoldAlikeTheOneUsedLongestAgoGives) {
  for (auto& share : shares_) budget_.Set(share, 1000);
  budget_.Use(shares_[0]);
  EXPECT_EQ(budget_.Largest(), &shares_[1]);
  budget_.Set(shares_[1], 900);
  EXPECT_EQ(budget_.Largest(), &shares_[1]) << "it goes on giving, and is not used by that";
  budget_.Set(shares_[1], 500);
  EXPECT_EQ(budget_.Largest(), &shares_[2]) << "it holds less than the others now";
}

TEST_F(HistoryBudgetTest, EachPowerOfTwoIsAClass) {
  for (int bits = 0; bits < 63; ++bits) {
    budget_.Set(shares_[0], size_t{1} << bits);
    EXPECT_EQ(budget_.Largest(), &shares_[0]);
    budget_.Set(shares_[1], (size_t{1} << bits) - 1);
    EXPECT_EQ(budget_.Largest(), &shares_[0]);
    budget_.Set(shares_[1], 0);
  }
}

}  // namespace
}  // namespace channel
