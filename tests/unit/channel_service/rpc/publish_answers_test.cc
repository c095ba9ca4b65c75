#include "channel_service/rpc/publish_answers.h"

#include <gtest/gtest.h>

#include <string>

namespace channel {
namespace {

// The offsets and sequences of all that may go out.
std::string Ready(PublishAnswers& answers) {
  std::string ready;
  while (answers.has_ready()) {
    const PublishAnswers::Answer answer = answers.Take();
    ready += std::to_string(answer.outcome.offset) + "/" + std::to_string(answer.sequence) + " ";
  }
  return ready;
}

void Put(PublishAnswers& answers, uint64_t ticket, uint64_t offset) {
  answers.Put(ticket, {PublishCode::kAccepted, offset}, absl::OkStatus());
}

TEST(PublishAnswers, InOrderTheFirstOneHoldsTheOthersUp) {
  PublishAnswers answers;
  const uint64_t first = answers.Expect(7);
  const uint64_t second = answers.Expect(8);
  Put(answers, second, 2);
  EXPECT_EQ(Ready(answers), "");
  EXPECT_EQ(answers.size(), 2u);
  Put(answers, first, 1);
  EXPECT_EQ(Ready(answers), "1/0 2/0 ");
  EXPECT_EQ(answers.size(), 0u);
  Put(answers, answers.Expect(9), 3);
  EXPECT_EQ(Ready(answers), "3/0 ");
}

TEST(PublishAnswers, InAnyOrderNoneWaitsForAnother) {
  PublishAnswers answers;
  answers.SetAnyOrder();
  const uint64_t first = answers.Expect(7);
  Put(answers, answers.Expect(8), 2);
  EXPECT_EQ(answers.size(), 2u);
  EXPECT_EQ(Ready(answers), "2/8 ");
  EXPECT_EQ(answers.size(), 1u);
  Put(answers, first, 1);
  EXPECT_EQ(Ready(answers), "1/7 ");
  EXPECT_EQ(answers.size(), 0u);
}

}  // namespace
}  // namespace channel
