// Publications that the service has not answered yet, in order: first those that were sent, then
// those that wait to be.
//
// After a lost link all of them are sent again; their sequence lets the service tell those that it
// has already. Loop thread only. Bounded by its owner (bytes, age).
#pragma once

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
    bool tried = false;  // was sent on some link
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

  // Appends unsent records to `out`, as long as it stays within bytes_max (at least one) and at
  // most sent_max are sent and unanswered; they count as sent.
  void TakeUnsent(size_t bytes_max, size_t sent_max, std::string* out) {
    const size_t start = out->size();
    while (has_unsent() && sent_ < sent_max) {
      Entry& entry = entries_[sent_];
      if (out->size() > start && out->size() + entry.record.size() > bytes_max) return;
      out->append(entry.record);
      entry.tried = true;
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
