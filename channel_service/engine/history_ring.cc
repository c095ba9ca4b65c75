#include "channel_service/engine/history_ring.h"

#include <algorithm>
#include <utility>

#include "channel_service/base/heap.h"

namespace channel {
namespace {

constexpr size_t kPlacesMin = 2;

size_t SizeOf(const RecordPtr& record) {
  return HeapBytes(sizeof(Record) + record->bytes().size());
}

}  // namespace

size_t HistoryRing::PlacesBytes(size_t places) {
  return places == 0 ? 0 : HeapBytes(places * sizeof(RecordPtr));
}

void HistoryRing::Append(RecordPtr record, size_t records_max, size_t bytes_max) {
  const size_t added = SizeOf(record);
  // Before it is added: a full ring needs no more places.
  while (!records_.empty() && (records_.size() >= records_max || bytes() + added > bytes_max)) {
    DropOldest();
  }
  if (records_.full()) records_.set_capacity(std::max(kPlacesMin, 2 * records_.capacity()));
  record_bytes_ += added;
  records_.push_back(std::move(record));
}

void HistoryRing::DropOlderThan(SteadyTime oldest_kept) {
  while (!records_.empty() && records_.front()->held_since < oldest_kept) DropOldest();
}

void HistoryRing::Clear() {
  if (!records_.empty()) dropped_through_ = records_.back()->offset;
  records_.set_capacity(0);
  record_bytes_ = 0;
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
  record_bytes_ -= SizeOf(records_.front());
  records_.pop_front();
  if (records_.empty()) {
    records_.set_capacity(0);
  } else if (records_.size() <= records_.capacity() / 4) {
    records_.set_capacity(records_.capacity() / 2);
  }
}

}  // namespace channel
