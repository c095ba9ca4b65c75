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
  // Drops the oldest record; there must be one.
  void DropOldest();
  void Clear();

  // Offset of the newest record that was dropped; 0 = none was. All after it are here.
  uint64_t dropped_through() const { return dropped_through_; }

  bool empty() const { return records_.empty(); }
  size_t size() const { return records_.size(); }
  // The memory that it takes on the heap; 0 if it is empty.
  size_t bytes() const { return record_bytes_ + PlacesBytes(records_.capacity()); }
  const RecordPtr& oldest() const { return records_.front(); }

  // Fills `result->records` with records after `offset`, oldest first, within the request's bounds.
  void Read(uint64_t after_offset, const ReadRequest& request, ReadResult* result) const;

  // The position from which a Read gives the newest `count` records.
  uint64_t OffsetBeforeLast(size_t count) const;

 private:
  static size_t PlacesBytes(size_t places);

  // Its places are doubled when they are full, halved when a quarter is used, and none when it is
  // empty: an idle group costs little.
  boost::circular_buffer<RecordPtr> records_;
  size_t record_bytes_ = 0;
  uint64_t dropped_through_ = 0;
};

}  // namespace channel
