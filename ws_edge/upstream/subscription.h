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
  // A range that the service no longer has, or never had, behind the position that was asked from.
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
    // The publications that follow begin behind a gap. Returns true if the gap concerns a member
    // here.
    virtual bool OnGap(const Gap& gap) = 0;
    // `due`: one of the older ones that were due. `alone`: nothing else comes in this turn of the
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
  bool answered() const { return answered_; }
  // Some question was answered: what is published from now on is seen here.
  bool confirmed() const { return confirmed_; }
  // Publications under way that are older than the last answer.
  uint32_t publications_due() const { return due_; }

  const std::string& epoch() const { return epoch_; }
  // The newest offset of the group that is known.
  uint64_t head() const { return head_; }
  // The newest offset of any group, as far as known: no position of the epoch is beyond it.
  uint64_t newest() const { return newest_; }
  // Positions before this one have missed what is lost for ever: the service said so.
  uint64_t lost_before() const { return lost_before_; }
  // Positions from here on have missed nothing that is lost: what followed the last loss that the
  // service told is held there. Between the two positions that is not known.
  uint64_t lost_until() const { return lost_until_; }

 private:
  friend class SubscriptionTable;

  enum class State {
    kIdle,        // nothing was asked
    kAsking,      // the question is to be written
    kAwaiting,    // it is written
    kGapFollows,  // the answer said so
    kFollowing,   // what comes follows position_
  };
  static const char* ToString(State state);
  void ChangeState(State to, const char* why);

  // For the table: the question, which then awaits its answer.
  channel::v1::Subscription TakeQuestion();
  void OnLinkUp();
  void OnSubscribed(const channel::v1::Subscribed& subscribed);
  bool OnGap(const channel::v1::Gap& gap);
  void OnPublication(const channel::v1::Publication& publication, bool alone);
  Answer TakeAnswer();

  SubscriptionTable& table_;
  const std::string group_id_;
  Observer* const observer_;
  State state_ = State::kIdle;
  bool known_ = false;  // to the service, on this link, if only by an earlier question
  bool answered_ = false;
  bool confirmed_ = false;
  bool anchored_ = true;  // false: the next publication is of the `last`, and sets the position
  uint32_t due_ = 0;
  uint64_t tag_ = 0;  // of the question
  channel::SubscribeFrom from_;
  // Everything up to here was received since it was asked; none: nothing was, nor was it given.
  std::optional<channel::StreamPosition> position_;
  std::string epoch_;
  uint64_t head_ = 0;
  uint64_t newest_ = 0;
  uint64_t lost_before_ = 0;
  uint64_t lost_until_ = 0;
  // As the last answer gave them, until the gap that follows it.
  uint64_t answer_head_ = 0;
  uint64_t answer_newest_ = 0;
};

}  // namespace edge
