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
    case State::kFollowing:
      CHANNEL_CHECK(state_ == State::kAwaiting || state_ == State::kGapFollows);
      break;
  }
  spdlog::debug("group {}: {} -> {}: {}", group_id_, ToString(state_), ToString(to), why);
  state_ = to;
}

void Subscription::Ask(channel::SubscribeFrom from) {
  from_ = std::move(from);
  position_ = from_.since;
  answered_ = false;
  tag_ = table_.Ask(this);
  ChangeState(State::kAsking, "asked");
}

channel::v1::Subscription Subscription::TakeQuestion() {
  known_ = true;
  anchored_ = true;  // if none of the `last` came: everything that is held of this epoch
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

void Subscription::OnLinkUp() {
  known_ = false;
  ChangeState(State::kAsking, "the link is new");
}

void Subscription::OnSubscribed(const channel::v1::Subscribed& subscribed) {
  if (state_ != State::kAwaiting || subscribed.tag() != tag_) return;  // of an earlier question
  if (!position_.has_value()) {
    anchored_ = subscribed.missed() == 0;
    position_ =
        channel::StreamPosition{subscribed.epoch(), anchored_ ? subscribed.offset() : uint64_t{0}};
  }
  due_ = subscribed.missed();
  answer_head_ = subscribed.offset();
  answer_newest_ = subscribed.newest();
  if (!subscribed.recovered()) {
    ChangeState(State::kGapFollows, "answered");
    return;
  }
  ChangeState(State::kFollowing, "answered");
  epoch_ = subscribed.epoch();
  if (!answered_ && from_.since.has_value()) {
    lost_until_ = std::min(lost_until_, from_.since->offset);
  }
  head_ = std::max(head_, answer_head_);
  newest_ = std::max(newest_, answer_newest_);
  observer_->OnSubscribed(TakeAnswer());
}

Subscription::Answer Subscription::TakeAnswer() {
  const bool first = !std::exchange(confirmed_, true);
  const bool resumed = std::exchange(answered_, true);
  return first ? Answer::kFirst : resumed ? Answer::kResumed : Answer::kAsked;
}

bool Subscription::OnGap(const channel::v1::Gap& gap) {
  if (state_ != State::kGapFollows) return false;
  ChangeState(State::kFollowing, "the gap is told");
  const uint64_t position = std::max<uint64_t>(gap.before(), 1) - 1;
  position_ = channel::StreamPosition{gap.epoch(), position};
  // A log that was put back to an older state goes on under its old name.
  const bool put_back = gap.reason() == channel::v1::GAP_REASON_POSITION;
  const bool began_anew = epoch_ != gap.epoch() || put_back;
  head_ = std::max({began_anew ? 0 : head_, answer_head_, position});
  newest_ = std::max(answer_newest_, head_);
  epoch_ = gap.epoch();
  if (began_anew) lost_before_ = lost_until_ = 0;
  if (gap.reason() == channel::v1::GAP_REASON_RETENTION) {
    lost_before_ = std::max(lost_before_, gap.after() + 1);
    lost_until_ = position;
  }
  TakeAnswer();
  return observer_->OnGap({gap.reason(), gap.after(), gap.before(), began_anew});
}

void Subscription::OnPublication(const channel::v1::Publication& publication, bool alone) {
  if (state_ != State::kFollowing) return;
  if (!std::exchange(anchored_, true)) position_->offset = publication.previous_offset();
  if (publication.offset() <= position_->offset) return;
  if (publication.previous_offset() > position_->offset) {
    spdlog::warn("group {}: nothing came between {} and {}; asking again", group_id_,
                 position_->offset, publication.offset());
    table_.AskAgain(this);
    ChangeState(State::kAsking, "something is missing");
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
