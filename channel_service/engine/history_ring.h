// The newest publications of one group, bounded in number, bytes and (by its owner's ticks) age.
#pragma once

#include <boost/circular_buffer.hpp>
#include <cstddef>
#include <cstdint>

#include "channel_service/engine/engine.h"

namespace channel {

class HistoryRing {
 public:
  // Adds the newest record; drops the oldest ones while there are more than records_max or more
  // than bytes_max bytes (one record is always kept).
  void Append(RecordPtr record, size_t records_max, size_t bytes_max);

  // Drops records that have been held since before `oldest_kept`.
  void DropOlderThan(SteadyTime oldest_kept);
  void Clear();

  // Offset of the newest record that was dropped; 0 = none was. All after it are here.
  uint64_t dropped_through() const { return dropped_through_; }

  bool empty() const { return records_.empty(); }
  size_t size() const { return records_.size(); }
  // The memory that is held, about: the records' bytes and what each takes beside them.
  size_t bytes() const { return bytes_; }
  const RecordPtr& oldest() const { return records_.front(); }

  // Fills `result->records` with records after `offset`, oldest first, within the request's bounds.
  void Read(uint64_t after_offset, const ReadRequest& request, ReadResult* result) const;

  // The position from which a Read gives the newest `count` records.
  uint64_t OffsetBeforeLast(size_t count) const;

 private:
  // The callers' bounds are lower.
  static constexpr size_t kCapacityMax = size_t{1} << 31;

  void DropOldest();

  // It takes memory only for what it holds, so that an idle group costs little.
  boost::circular_buffer_space_optimized<RecordPtr> records_{kCapacityMax};
  size_t bytes_ = 0;
  uint64_t dropped_through_ = 0;
};

}  // namespace channel
