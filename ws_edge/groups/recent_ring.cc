#include "ws_edge/groups/recent_ring.h"

namespace edge {
namespace {

// An entry takes this beside its frame's bytes: the frame's fields and heap block, its place here.
constexpr size_t kEntryOverheadBytes = 56;

size_t SizeOf(const RecentRing::Entry& entry) { return entry.frame->size() + kEntryOverheadBytes; }

}  // namespace

void RecentRing::Restart(uint64_t after, bool begins_with_oldest) {
  entries_.clear();
  bytes_ = 0;
  after_ = after;
  begins_with_oldest_ = begins_with_oldest;
  anchored_ = true;
}

void RecentRing::RestartUnanchored(bool begins_with_oldest) {
  Restart(0, begins_with_oldest);
  anchored_ = false;
}

void RecentRing::Append(Entry entry, bool keep_all) {
  if (!anchored_) {
    after_ = entry.previous_offset != 0 ? entry.previous_offset : entry.offset - 1;
  }
  anchored_ = true;
  bytes_ += SizeOf(entry);
  entries_.push_back(std::move(entry));
  if (keep_all) return;
  while (entries_.size() > kRecentPublicationsMax ||
         (bytes_ > kRecentBytesMax && entries_.size() > 1)) {
    DropOldest();
  }
}

uint64_t RecentRing::PositionBeforeLast(size_t count) const {
  if (count == 0) return last();
  const size_t first = entries_.size() - count;
  return first == 0 ? after_ : entries_[first - 1].offset;
}

void RecentRing::DropOldest() {
  bytes_ -= SizeOf(entries_.front());
  after_ = entries_.front().offset;
  begins_with_oldest_ = false;
  entries_.pop_front();
}

}  // namespace edge
