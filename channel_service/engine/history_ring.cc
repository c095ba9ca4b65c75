#include "channel_service/engine/history_ring.h"

#include <algorithm>
#include <utility>

namespace channel {
namespace {

// Memory that a record takes beside its bytes: the Record, malloc's own, a place in the ring.
constexpr size_t kRecordOverheadBytes = 64;

size_t SizeOf(const RecordPtr& record) { return record->bytes().size() + kRecordOverheadBytes; }

}  // namespace

void HistoryRing::Append(RecordPtr record, size_t records_max, size_t bytes_max) {
  bytes_ += SizeOf(record);
  records_.push_back(std::move(record));
  while ((records_.size() > records_max || bytes_ > bytes_max) && records_.size() > 1) DropOldest();
}

void HistoryRing::DropOlderThan(SteadyTime oldest_kept) {
  while (!records_.empty() && records_.front()->held_since < oldest_kept) DropOldest();
}

void HistoryRing::Clear() {
  if (!records_.empty()) dropped_through_ = records_.back()->offset;
  records_.clear();
  bytes_ = 0;
}

void HistoryRing::Read(uint64_t after_offset, const ReadRequest& request,
                       ReadResult* result) const {
  auto record = std::upper_bound(
      records_.begin(), records_.end(), after_offset,
      [](uint64_t offset, const RecordPtr& candidate) { return offset < candidate->offset; });
  size_t bytes = 0;
  for (; record != records_.end(); ++record) {
    bytes += (*record)->bytes().size();
    const bool first = result->records.empty();
    if (result->records.size() >= request.count_max || (bytes > request.bytes_max && !first)) {
      result->more = true;
      return;
    }
    result->records.push_back(*record);
  }
}

uint64_t HistoryRing::OffsetBeforeLast(size_t count) const {
  if (records_.empty()) return 0;
  const size_t skipped = records_.size() - std::min(count, records_.size());
  return skipped == records_.size() ? records_.back()->offset : records_[skipped]->previous_offset;
}

void HistoryRing::DropOldest() {
  dropped_through_ = records_.front()->offset;
  bytes_ -= SizeOf(records_.front());
  records_.pop_front();
}

}  // namespace channel
