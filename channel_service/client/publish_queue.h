// Publications that the service has not answered yet, in order: first those that were sent, then
// those that wait to be.
//
// After a lost link all of them are sent again; their sequence lets the service tell those that it
// has already. Loop thread only. Bounded by its owner (bytes, age).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

#include "channel_service/base/clock.h"

namespace channel {

class PublishQueue {
 public:
  struct Entry {
    std::string record;  // serialised `publications` field of PublishStreamRequest
    uint64_t token = 0;
    SteadyTime since;
    bool tried = false;       // was sent on some link
    SteadyTime sent_at = {};  // the last time
    size_t bytes() const { return record.size() + sizeof(Entry); }
  };

  void Push(Entry entry) { entries_.push_back(std::move(entry)); }
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  const Entry& front() const { return entries_.front(); }
  bool front_was_sent() const { return sent_ > 0; }
  bool has_unsent() const { return sent_ < entries_.size(); }

  void PopFront() {
    if (sent_ > 0) --sent_;
    entries_.pop_front();
  }

  enum class Verdict {
    kInTime,
    kGiveUp,    // it has waited too long for a link
    kLinkDead,  // it has waited too long, and the service does not answer it
  };
  // The front may wait for `timeout`. A publication that was sent is given kAnswerPatience at
  // least: a link is not to be ended for the time that was spent before it came up.
  Verdict JudgeFront(SteadyTime now, std::chrono::milliseconds timeout) const {
    if (empty() || front().since + timeout >= now) return Verdict::kInTime;
    if (!front_was_sent()) return Verdict::kGiveUp;
    const bool just_sent = front().sent_at + std::min(timeout, kAnswerPatience) >= now;
    return just_sent ? Verdict::kInTime : Verdict::kLinkDead;
  }
  static constexpr std::chrono::milliseconds kAnswerPatience{2000};

  // Appends unsent records to `out`, as long as it stays within bytes_max (at least one) and at
  // most sent_max are sent and unanswered; they count as sent.
  void TakeUnsent(size_t bytes_max, size_t sent_max, SteadyTime now, std::string* out) {
    const size_t start = out->size();
    while (has_unsent() && sent_ < sent_max) {
      Entry& entry = entries_[sent_];
      if (out->size() > start && out->size() + entry.record.size() > bytes_max) return;
      out->append(entry.record);
      entry.tried = true;
      entry.sent_at = now;
      ++sent_;
    }
  }

  // The link is lost: everything is to be sent (again).
  void MarkAllUnsent() { sent_ = 0; }

 private:
  std::deque<Entry> entries_;
  size_t sent_ = 0;
};

}  // namespace channel
