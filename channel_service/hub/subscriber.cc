#include "channel_service/hub/subscriber.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"

namespace channel {

const char* Subscriber::ToString(State state) {
  switch (state) {
    case State::kOpen:
      return "open";
    case State::kOverflowed:
      return "overflowed";
    case State::kUnavailable:
      return "unavailable";
    case State::kClosed:
      return "closed";
  }
  return "?";
}

void Subscriber::ChangeState(State to, const char* why) {
  CHANNEL_CHECK(to != State::kOpen && (to == State::kClosed || state_ == State::kOpen));
  spdlog::debug("subscriber: {} -> {}: {}", ToString(state_), ToString(to), why);
  state_ = to;
}

void Subscriber::Append(std::string_view record) {
  if (!Grow(record.size())) return;
  if (blocks_.empty() || blocks_.back().record != nullptr ||
      blocks_.back().bytes.size() + record.size() > kBlockBytesMax) {
    // A new block is as large as the last one was: a turn is much like the one before it. A block
    // behind another means that there is much to come.
    const size_t expected =
        blocks_.empty() ? std::min(last_block_bytes_, kBlockBytesMax) : kBlockBytesMax;
    blocks_.emplace_back().bytes.reserve(std::max(record.size(), expected));
  }
  blocks_.back().bytes.append(record);
  total_.Grow(pool_, record.size());  // may drop this queue
}

void Subscriber::AppendLarge(const RecordPtr& record) {
  if (!Grow(record->bytes().size())) return;
  blocks_.push_back({.record = record});
  total_.Grow(pool_, record->bytes().size());  // may drop this queue
}

void Subscriber::Overflow(const char* why) {
  ChangeState(State::kOverflowed, why);
  DropQueue();
  flush_list_.Mark(owner_);
}

void Subscriber::Fail() {
  if (state_ != State::kOpen) return;
  ChangeState(State::kUnavailable, "the engine is away");
  flush_list_.Mark(owner_);
}

std::string Subscriber::TakeBlock() {
  pool_->bytes -= std::exchange(taken_bytes_, 0);
  if (blocks_.empty()) return {};
  Block& first = blocks_.front();
  std::string block =
      first.record == nullptr ? std::move(first.bytes) : std::string(first.record->bytes());
  blocks_.pop_front();
  queued_bytes_ -= block.size();
  taken_bytes_ = last_block_bytes_ = block.size();
  return block;
}

void Subscriber::Close() {
  if (state_ != State::kClosed) ChangeState(State::kClosed, "its stream is over");
  DropQueue();
}

void Subscriber::DropQueue() {
  blocks_.clear();
  pool_->bytes -= queued_bytes_;
  queued_bytes_ = 0;
}

}  // namespace channel
