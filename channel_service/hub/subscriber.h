// One Subscribe stream as the hub sees it: a queue of serialised records on their way to one
// client.
//
// The stream's call owns it; loop thread only. The hub appends; the call takes blocks and writes
// them. The queue is a list of blocks, each at most kBlockBytesMax (a larger record has a block of
// its own); ServiceLimits::subscriber_queue_bytes_max bounds it, and QueueTotal the sum of all.
// Over a bound the queue is dropped and the stream ends: the client comes back with its last
// positions, and "subscribe since" gives it what it missed.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "channel_service/hub/flush_list.h"
#include "channel_service/hub/queue_total.h"
#include "channel_service/model/contract_limits.h"
#include "channel_service/wire/record.h"

namespace channel {

class Subscriber {
 public:
  enum class State {
    kOpen,
    kOverflowed,   // the client reads too slowly
    kUnavailable,  // the engine cannot give what a subscription needs
    kClosed,       // its call wants no more
  };

  // `owner` is flushed at the end of each turn in which something was queued or the state changed.
  Subscriber(FlushList& flush_list, Flushable* owner, size_t queue_bytes_max, QueueTotal& total)
      : flush_list_(flush_list),
        owner_(owner),
        queue_bytes_max_(queue_bytes_max),
        total_(total),
        pool_(total.PoolOf(peer_)) {
    total_.Add(this);
  }
  ~Subscriber() {
    DropQueue();
    pool_->bytes -= taken_bytes_;
    total_.Remove(this);
  }
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // For the hub, before anything is appended: whose it is.
  void set_peer(PeerAddress peer) {
    peer_ = peer;
    pool_ = total_.PoolOf(peer);
  }

  State state() const { return state_; }
  PeerAddress peer() const { return peer_; }
  size_t queued_bytes() const { return queued_bytes_; }
  // With the block that was taken last, as long as it is being written.
  size_t held_bytes() const { return queued_bytes_ + taken_bytes_; }

  // For the hub. Copies a record to the end of the queue, which takes none after kOpen.
  void Append(std::string_view record);
  // The same for a publication. One that fills most of a block is copied when it is taken: so what
  // many do not read is in memory once, but for the block that each is being written.
  void Append(const RecordPtr& record) {
    if (record->bytes().size() <= kBlockBytesMax / 2) {
      Append(record->bytes());
    } else {
      AppendLarge(record);
    }
  }
  // For QueueTotal: kOverflowed, if it is open, and the queue is dropped.
  void Overflow(const char* why);
  // For the hub: kUnavailable, if it is open. The queue can still be taken.
  void Fail();

  // For the owner, when the block that it has taken before is written. The next block; empty if
  // nothing is queued.
  std::string TakeBlock();
  // For the owner: kClosed. Drops the queue.
  void Close();

 private:
  struct Block {
    std::string bytes = {};
    RecordPtr record = {};  // instead of bytes
  };

  static const char* ToString(State state);
  void ChangeState(State to, const char* why);
  void AppendLarge(const RecordPtr& record);
  // Counts the bytes of a record that is to be queued; returns whether it may be.
  bool Grow(size_t bytes) {
    if (state_ != State::kOpen) return false;
    flush_list_.Mark(owner_);
    if (queued_bytes_ + bytes > queue_bytes_max_) {
      Overflow("its client reads too slowly");
      return false;
    }
    queued_bytes_ += bytes;
    return true;
  }
  void DropQueue();

  FlushList& flush_list_;
  Flushable* const owner_;
  const size_t queue_bytes_max_;
  QueueTotal& total_;
  PeerAddress peer_ = PeerAddress::kNobody;
  QueueTotal::Pool* pool_;
  State state_ = State::kOpen;
  std::deque<Block> blocks_;
  size_t queued_bytes_ = 0;
  size_t taken_bytes_ = 0;       // of the block that is being written
  size_t last_block_bytes_ = 0;  // of the block that was taken last
};

}  // namespace channel
