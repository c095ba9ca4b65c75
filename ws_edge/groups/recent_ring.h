// The newest publications of one group on this edge, encoded for sessions with envelopes: what
// clients that come back have missed is served from here and not asked of the channel service.
//
// Owned by its group; loop thread only. Holds everything with an offset in (after, last], in order;
// at most kRecentPublicationsMax and kRecentBytesMax (Group bounds the sum of all groups).
#pragma once

#include <algorithm>
#include <boost/circular_buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "ws_edge/limits.h"
#include "ws_edge/net/frame.h"

namespace edge {

class RecentRing {
 public:
  struct Entry {
    uint64_t offset;
    uint64_t previous_offset;
    FramePtr frame;
  };

  uint64_t after() const { return after_; }
  uint64_t last() const { return entries_.empty() ? after_ : entries_.back().offset; }
  // Returns whether the channel service has nothing before it either, so that asking is of no use.
  bool begins_with_oldest() const { return begins_with_oldest_; }
  void SetBeginsWithOldest() { begins_with_oldest_ = true; }
  // False after RestartUnanchored, until the first entry is appended: the ring begins with it.
  bool anchored() const { return anchored_; }
  size_t size() const { return entries_.size(); }
  size_t bytes() const { return bytes_; }

  // Forgets everything; what is appended next follows `after`.
  void Restart(uint64_t after, bool begins_with_oldest);
  // The first entry decides what it follows (it is one of the group's newest): the one before it,
  // or, if that is not known, only itself.
  void RestartUnanchored(bool begins_with_oldest);

  // The next publication of the group. With `keep_all` nothing is dropped for it, until the next.
  void Append(Entry entry, bool keep_all);

  // The position from which the newest `count` entries follow; `count` is at most size().
  uint64_t PositionBeforeLast(size_t count) const;

  // Calls visit(entry) for each entry after `offset`, oldest first, until it returns false.
  template <typename Visit>
  void VisitAfter(uint64_t offset, Visit visit) const;

 private:
  // Never reached: what may be kept is bounded by the history of the channel service.
  static constexpr size_t kCapacityMax = size_t{1} << 31;

  void DropOldest();

  // Takes memory for what it holds only.
  boost::circular_buffer_space_optimized<Entry> entries_{kCapacityMax};
  uint64_t after_ = 0;
  size_t bytes_ = 0;
  bool begins_with_oldest_ = false;
  bool anchored_ = true;
};

template <typename Visit>
void RecentRing::VisitAfter(uint64_t offset, Visit visit) const {
  auto entry = std::upper_bound(
      entries_.begin(), entries_.end(), offset,
      [](uint64_t wanted, const Entry& candidate) { return wanted < candidate.offset; });
  for (; entry != entries_.end(); ++entry) {
    if (!visit(*entry)) return;
  }
}

}  // namespace edge
