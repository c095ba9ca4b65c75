// One group's cursor upstream: what was asked of the channel service, up to where everything was
// received, and what the service told of positions that it no longer holds.
//
// Owned by the group; loop thread only. After a lost link, or when something is missing, the group
// is asked for again from its position: that is the one repair. Events reach the observer only if
// they follow what it has, in order, each once. When it is destroyed, the service is told that the
// group is not wanted any more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "channel/v1/channel.pb.h"
#include "channel_service/model/publication.h"

namespace edge {

class SubscriptionTable;

class Subscription {
 public:
  // A range that the service no longer has, or never had, after the position that was asked from.
  struct Gap {
    channel::v1::GapReason reason;
    uint64_t after;   // the position that was asked from; 0 if this log never gave it
    uint64_t before;  // the next offset that may come
    // Positions from before the gap mean nothing any more: another log, or an older state of it.
    bool log_began_anew;
  };

  enum class Answer {
    kFirst,    // to the first question
    kAsked,    // to a later one
    kResumed,  // to an answered question that was put again, after a lost link or a hole
  };

  class Observer {
   public:
    // The question is answered. Now follow publications_due() older publications, then new ones.
    virtual void OnSubscribed(Answer answer) = 0;
    // The publications that follow begin after a gap. Returns true if the gap concerns a member
    // here.
    virtual bool OnGap(const Gap& gap) = 0;
    // `due`: one of the older ones that were due. `alone`: no other event came in this turn of the
    // loop.
    virtual void OnPublication(const channel::v1::Publication& publication, bool due,
                               bool alone) = 0;

   protected:
    ~Observer() = default;
  };

  // `table` and `observer` must outlive this.
  Subscription(SubscriptionTable& table, std::string_view group_id, Observer* observer);
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  const std::string& group_id() const { return group_id_; }

  // Asks for the group from there on, in place of what was asked before.
  void Ask(channel::SubscribeFrom from);

  // Something was asked.
  bool asked() const { return state_ != State::kIdle; }
  // The last question, and whether it is answered: then all of it is here or under way.
  const channel::SubscribeFrom& from() const { return from_; }
  bool answered() const { return answered_ == Answered::kThisQuestion; }
  // Some question was answered: publications from now on are seen here.
  bool confirmed() const { return answered_ != Answered::kNothing; }
  // Publications under way that are older than the last answer.
  uint32_t publications_due() const { return due_; }

  const std::string& epoch() const { return epoch_; }
  // The newest offset of the group that is known.
  uint64_t head() const { return head_; }
  // The same as the last answer told it: the publications that were due then lead up to it.
  uint64_t answer_head() const { return answer_head_; }
  // The newest offset of any group, as far as known: no position of the epoch is beyond it.
  uint64_t newest() const { return newest_; }
  // Positions before this one have missed what is lost for ever: the service said so.
  uint64_t lost_before() const { return lost_before_; }
  // Positions from here on have missed nothing that is lost, as far as the service told. Of those
  // between lost_before and this one that is not known.
  uint64_t held_from() const { return held_from_; }

  // For the table. Returns the question, which then awaits its answer.
  channel::v1::Subscription TakeQuestion();
  void OnLinkUp();
  // For the link: events of the group. OnGap returns true if the gap concerns a member here.
  void OnSubscribed(const channel::v1::Subscribed& subscribed);
  bool OnGap(const channel::v1::Gap& gap);
  void OnPublication(const channel::v1::Publication& publication, bool alone);

 private:
  enum class State {
    kIdle,        // nothing was asked
    kAsking,      // the question is to be written
    kAwaiting,    // it is written
    kGapFollows,  // the answer said so
    kBeginning,   // the next publication is the first of the `last`, and sets position_
    kFollowing,   // events follow position_
  };
  enum class Answered { kNothing, kEarlierQuestion, kThisQuestion };

  static const char* ToString(State state);
  void ChangeState(State to, const char* why);
  Answer TakeAnswer();

  SubscriptionTable& table_;
  const std::string group_id_;
  Observer* const observer_;
  State state_ = State::kIdle;
  Answered answered_ = Answered::kNothing;
  uint32_t due_ = 0;
  uint64_t tag_ = 0;  // of the question
  channel::SubscribeFrom from_;
  // Everything up to here was received since the question; none: a question for the `last`, of
  // which nothing came.
  std::optional<channel::StreamPosition> position_;
  std::string epoch_;
  uint64_t head_ = 0;
  uint64_t newest_ = 0;
  uint64_t lost_before_ = 0;
  uint64_t held_from_ = 0;
  uint64_t answer_head_ = 0;
  uint64_t answer_newest_ = 0;  // as answer_head_
};

}  // namespace edge
