// The frames that wait for one connection, sent with one system call at the end of a turn.
//
// Frames are encoded once and appended by reference; everything queued in a turn leaves in one
// send. Whole frames only are appended, so no frame lands inside another. After the close frame no
// data is taken. Loop thread only. The caller of Offer gives the bound. When the socket is broken
// the queue is dropped; the reader sees the error. It includes neither Asio nor Beast, so that
// tests have queues without sockets.
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "ws_edge/limits.h"
#include "ws_edge/net/flush_list.h"
#include "ws_edge/net/frame.h"

namespace edge {

class SendQueue {
 public:
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;

  // Size of what waits to be sent: the frames' bytes and their places in the queue.
  size_t queued_bytes() const { return queued_bytes_; }

  // Data frames are taken from here on, until EndData, the close frame or a broken socket.
  void BeginData() { ChangeState(State::kOpen, "the session is open"); }
  void EndData() { ChangeState(State::kNoData, "the session ends"); }
  // Queues a data frame; each delivery comes this way. Drops the frame while no data is taken.
  // Returns false if the queue would hold more than `queued_bytes_max`; the frame is then not in
  // it. An empty queue takes any frame, because an envelope may make a message longer than the
  // bound.
  bool Offer(const FramePtr& frame, size_t queued_bytes_max) {
    if (state_ != State::kOpen) return true;
    if (queued_bytes_ > 0 && queued_bytes_ + frame->size() > queued_bytes_max &&
        !MakeRoom(frame->size(), queued_bytes_max)) {
      return false;
    }
    ++offered_;
    Push(frame);
    if (queued_bytes_ > kFlushEarlyBytes) Flush();
    return true;
  }
  // Does the same with a frame that is alone in its turn, and writes it at once if nothing waits.
  bool OfferAlone(const FramePtr& frame, size_t queued_bytes_max) {
    if (!queue_.empty() || state_ != State::kOpen) return Offer(frame, queued_bytes_max);
    ++offered_;
    queued_bytes_ = CostOf(frame);
    queue_.push_back(frame);
    SendOnlyFrame();
    return true;
  }
  // Counts the data frames taken so far, modulo 2^32.
  uint32_t offered() const { return offered_; }
  // Prefetches the part of this object that Offer and Flush touch.
  void Prefetch() const { __builtin_prefetch(&descriptor_, 1); }

  // Queues a ping, unless the close frame is queued.
  void AppendPing(FramePtr ping);
  // True if a ping was queued, and since then nothing was received (OnPeerHeard) and the peer took
  // nothing of what had to wait; the ping may be behind that.
  bool ping_unanswered() const { return ping_unanswered_; }

  // Drops what is queued, except for a frame of which a part is sent.
  void DropQueue();
  // Sends what the socket takes now, if there is one; waits for it to be writable if something is
  // left.
  void Flush();

 protected:
  SendQueue(int descriptor, FlushList* flush_list)
      : descriptor_(descriptor), flush_list_(flush_list) {}
  ~SendQueue();

  // Queues a frame of Beast: a pong, or the close frame, after which nothing is taken.
  void AppendControl(std::string_view bytes);
  void OnPeerHeard() { ping_unanswered_ = false; }
  size_t pending() const { return queue_.size() - head_; }
  // Empties the queue and returns its frames, for tests: their queues have no socket.
  std::vector<FramePtr> TakeQueued();
  // Sends nothing any more: the descriptor may soon be another connection's.
  void Detach() {
    Break("detached");
    descriptor_ = -1;
  }

 private:
  friend class FlushList;
  // Bytes that a frame counts in a queue. A small frame's place costs more than its bytes.
  static size_t CostOf(const FramePtr& frame) { return frame->size() + sizeof(FramePtr); }
  void Push(FramePtr frame) {
    queued_bytes_ += CostOf(frame);
    queue_.push_back(std::move(frame));
    if (place_ == kNotMarked && !waiting_) place_ = flush_list_->Add(this);
  }
  // Sends what the socket takes; returns whether `bytes` more have room then. A queue that is full
  // before the turn ends is not yet one whose client is slow.
  bool MakeRoom(size_t bytes, size_t queued_bytes_max);
  void OnWritable(bool broken);
  void SendOnlyFrame();
  size_t Send();
  void OnSendError();
  void Sent(size_t bytes);
  void ClearQueue();
  void Break(const char* why);

  enum class State : uint8_t {
    kOpening,      // takes control frames only
    kOpen,         // takes data
    kNoData,       // takes control frames only
    kCloseQueued,  // takes nothing; sends what is queued
    kBroken,
  };
  static const char* ToString(State state);
  // The state only moves forward. A step back is ignored: a socket that breaks does not ask whether
  // its session has ended, nor the other way round.
  void ChangeState(State to, const char* why);

  static constexpr uint32_t kNotMarked = UINT32_MAX;

  // The members up to the blank line fill one cache line: with 10,000 sessions memory takes the
  // time.
  alignas(64) int descriptor_;
  uint32_t place_ = kNotMarked;  // in the flush list
  FlushList* const flush_list_;
  absl::InlinedVector<FramePtr, 2> queue_;
  size_t queued_bytes_ = 0;
  uint32_t head_ = 0;  // queue_[head_] is the first that is not sent; those before it are null
  uint32_t front_sent_ = 0;  // bytes of it that are sent
  State state_ = State::kOpening;
  bool waiting_ = false;  // for the socket to be writable
  uint32_t offered_ = 0;

  bool ping_unanswered_ = false;
};

}  // namespace edge
