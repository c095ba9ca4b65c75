#include "ws_edge/upstream/subscription.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"
#include "ws_edge/upstream/subscription_table.h"

namespace edge {

Subscription::Subscription(SubscriptionTable& table, std::string_view group_id, Observer* observer)
    : table_(table), group_id_(group_id), observer_(observer) {}

Subscription::~Subscription() {
  if (state_ != State::kIdle) table_.Remove(this);
}

const char* Subscription::ToString(State state) {
  switch (state) {
    case State::kIdle:
      return "idle";
    case State::kAsking:
      return "asking";
    case State::kAwaiting:
      return "awaiting";
    case State::kGapFollows:
      return "gap follows";
    case State::kBeginning:
      return "beginning";
    case State::kFollowing:
      return "following";
  }
  return "?";
}

void Subscription::ChangeState(State to, const char* why) {
  switch (to) {
    case State::kIdle:
      CHANNEL_CHECK(false);
    case State::kAsking:
      break;  // from anywhere
    case State::kAwaiting:
      CHANNEL_CHECK(state_ == State::kAsking);
      break;
    case State::kGapFollows:
      CHANNEL_CHECK(state_ == State::kAwaiting);
      break;
    case State::kBeginning:
      CHANNEL_CHECK(state_ == State::kAwaiting);
      break;
    case State::kFollowing:
      CHANNEL_CHECK(state_ == State::kAwaiting || state_ == State::kGapFollows ||
                    state_ == State::kBeginning);
      break;
  }
  spdlog::debug("group {}: {} -> {}: {}", group_id_, ToString(state_), ToString(to), why);
  state_ = to;
}

void Subscription::Ask(channel::SubscribeFrom from) {
  from_ = std::move(from);
  position_ = from_.since;
  if (answered()) answered_ = Answered::kEarlierQuestion;
  ChangeState(State::kAsking, "asked");
  tag_ = table_.Ask(this);
}

channel::v1::Subscription Subscription::TakeQuestion() {
  channel::v1::Subscription question;
  question.set_group_id(group_id_);
  question.set_tag(tag_);
  if (position_.has_value()) {
    question.mutable_since()->set_epoch(position_->epoch);
    question.mutable_since()->set_offset(position_->offset);
  } else {
    question.set_last(from_.last);
  }
  ChangeState(State::kAwaiting, "written");
  return question;
}

void Subscription::OnLinkUp() { ChangeState(State::kAsking, "the link is new"); }

void Subscription::OnSubscribed(const channel::v1::Subscribed& subscribed) {
  if (state_ != State::kAwaiting || subscribed.tag() != tag_) return;  // of an earlier question
  const bool begins = !position_.has_value() && subscribed.missed() > 0;
  if (!position_.has_value()) {
    // If none of the `last`, nor the gap before them, comes before the link is lost, all that is
    // held is asked for.
    const bool follows = begins || !subscribed.recovered();
    position_ = {subscribed.epoch(), follows ? 0 : subscribed.offset()};
  }
  due_ = subscribed.missed();
  answer_head_ = subscribed.offset();
  answer_newest_ = subscribed.newest();
  if (!subscribed.recovered()) {
    ChangeState(State::kGapFollows, "answered");
    return;
  }
  ChangeState(begins ? State::kBeginning : State::kFollowing, "answered");
  epoch_ = subscribed.epoch();
  if (!answered() && from_.since.has_value()) {
    held_from_ = std::min(held_from_, from_.since->offset);
  }
  head_ = std::max(head_, answer_head_);
  newest_ = std::max(newest_, answer_newest_);
  observer_->OnSubscribed(TakeAnswer());
}

Subscription::Answer Subscription::TakeAnswer() {
  switch (std::exchange(answered_, Answered::kThisQuestion)) {
    case Answered::kNothing:
      return Answer::kFirst;
    case Answered::kEarlierQuestion:
      return Answer::kAsked;
    case Answered::kThisQuestion:
      return Answer::kResumed;
  }
  return Answer::kFirst;
}

bool Subscription::OnGap(const channel::v1::Gap& gap) {
  if (state_ != State::kGapFollows) return false;
  ChangeState(State::kFollowing, "the gap is told");
  const uint64_t position = std::max<uint64_t>(gap.before(), 1) - 1;
  position_ = channel::StreamPosition{gap.epoch(), position};
  // A log that was put back to an older state goes on under its old name.
  const bool put_back = gap.reason() == channel::v1::GAP_REASON_POSITION;
  const bool began_anew = epoch_ != gap.epoch() || put_back;
  // Also for a reason of a newer service: publications of this log are lost.
  const bool lost = !put_back && (!began_anew || gap.reason() != channel::v1::GAP_REASON_EPOCH);
  head_ = std::max({began_anew ? 0 : head_, answer_head_, position});
  newest_ = std::max(answer_newest_, head_);
  epoch_ = gap.epoch();
  if (began_anew) {
    lost_before_ = 0;
    held_from_ = position;
  }
  if (lost) {
    lost_before_ = std::max(lost_before_, gap.after() + 1);
    held_from_ = position;
  }
  TakeAnswer();
  return observer_->OnGap({gap.reason(), gap.after(), gap.before(), began_anew});
}

void Subscription::OnPublication(const channel::v1::Publication& publication, bool alone) {
  if (state_ == State::kBeginning) {
    position_->offset = publication.previous_offset();
    ChangeState(State::kFollowing, "the first of the last came");
  }
  if (state_ != State::kFollowing) return;
  if (publication.offset() <= position_->offset) return;
  if (publication.previous_offset() > position_->offset) {
    spdlog::warn("group {}: nothing came between {} and {}; asking again", group_id_,
                 position_->offset, publication.offset());
    ChangeState(State::kAsking, "something is missing");
    table_.AskAgain(this);
    return;
  }
  position_->offset = publication.offset();
  head_ = std::max(head_, publication.offset());
  newest_ = std::max(newest_, publication.offset());
  const bool due = due_ > 0;
  if (due) --due_;
  observer_->OnPublication(publication, due, alone);
}

}  // namespace edge
