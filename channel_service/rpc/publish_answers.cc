#include "channel_service/rpc/publish_answers.h"

#include <utility>

#include "channel_service/base/check.h"

namespace channel {

uint64_t PublishAnswers::Expect(uint64_t sequence) {
  if (any_order_) {
    ++due_;
    return sequence;
  }
  answers_.emplace_back();
  return first_ticket_ + answers_.size() - 1;
}

void PublishAnswers::Put(uint64_t ticket, const PublishOutcome& outcome, absl::Status error) {
  if (any_order_) {
    CHANNEL_CHECK(due_ > 0);
    --due_;
    answers_.push_back({true, ticket, outcome, std::move(error)});
    return;
  }
  CHANNEL_CHECK(ticket >= first_ticket_ && ticket - first_ticket_ < answers_.size());
  answers_[ticket - first_ticket_] = {true, 0, outcome, std::move(error)};
}

PublishAnswers::Answer PublishAnswers::Take() {
  Answer answer = std::move(answers_.front());
  answers_.pop_front();
  if (!any_order_) ++first_ticket_;
  return answer;
}

}  // namespace channel
