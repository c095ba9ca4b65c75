#include "channel_service/hub/subscriber.h"

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/limits.h"

namespace channel {

void Subscriber::Append(std::string_view record) {
  if (closed_ || overflowed_) return;
  if (queued_bytes_ + record.size() > queue_bytes_max_) {
    overflowed_ = true;
    blocks_.clear();
    queued_bytes_ = 0;
    flush_list_.Mark(this);
    return;
  }
  if (blocks_.empty() || blocks_.back().size() + record.size() > kBlockBytesMax) {
    // As large as the last one was: a turn is much like the one before it. A block behind another
    // means that there is much to come.
    const size_t expected =
        blocks_.empty() ? std::min(last_block_bytes_, kBlockBytesMax) : kBlockBytesMax;
    blocks_.emplace_back().reserve(std::max(record.size(), expected));
  }
  blocks_.back().append(record);
  queued_bytes_ += record.size();
  flush_list_.Mark(this);
}

void Subscriber::Flush() {
  if (closed_) return;
  if (overflowed_) {
    Close();
    metrics_.overflows.Increment();
    OnOverflow();
    return;
  }
  if (write_outstanding_ || blocks_.empty()) return;
  std::string block = std::move(blocks_.front());
  blocks_.pop_front();
  queued_bytes_ -= block.size();
  last_block_bytes_ = block.size();
  write_outstanding_ = true;
  metrics_.writes.Increment();
  StartWrite(std::move(block));
}

void Subscriber::OnWritten() {
  CHANNEL_CHECK(write_outstanding_);
  write_outstanding_ = false;
  if (!blocks_.empty()) flush_list_.Mark(this);
}

void Subscriber::Close() {
  closed_ = true;
  blocks_.clear();
  queued_bytes_ = 0;
}

}  // namespace channel
