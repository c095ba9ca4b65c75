#include "ws_edge/net/send_queue.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "ws_edge/limits.h"

namespace edge {
namespace {

// Frames up to this size are copied together; larger ones are gathered by sendmsg
// (tests/bench/README.md).
constexpr size_t kCopyBytesMax = 512;
// Frames of one system call at most; below IOV_MAX.
constexpr size_t kFramesPerSendMax = 64;
// Bytes that are gathered for one system call; more bytes gain nothing.
constexpr size_t kScratchBytesMax = 64 << 10;
// Capacity that an emptied queue keeps.
constexpr size_t kKeptCapacity = 16;
// Prefetch distance of the flush, in queues (measured: tests/bench/README.md).
constexpr size_t kPrefetchAhead = 4;

// Beast's close frame with 1009 and without a reason. Beast sends it for a length over
// read_message_max, which is so high that only a length with the high bit exceeds it. RFC 6455
// section 5.2 forbids that bit, so the frame breaks the protocol, and 1002 is sent instead.
constexpr std::string_view kBeastTooBig("\x88\x02\x03\xf1", 4);
constexpr std::string_view kProtocolError("\x88\x02\x03\xea", 4);  // 1002

// Makes the system call itself. send(2) of libc is a cancellation point in a process with threads,
// which costs as much again as the rest of the way through user space.
ssize_t SendBytes(int descriptor, std::string_view bytes) {
  return ::syscall(SYS_sendto, descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                   nullptr, 0);
}

}  // namespace

void FlushList::FlushAll() {
  turn_.swap(marked_);
  for (size_t i = 0; i < turn_.size(); ++i) {
    if (i + kPrefetchAhead < turn_.size() && turn_[i + kPrefetchAhead] != nullptr) {
      turn_[i + kPrefetchAhead]->Prefetch();
    }
    SendQueue* const queue = turn_[i];
    if (queue == nullptr) continue;
    queue->place_ = SendQueue::kNotMarked;
    queue->Flush();
  }
  turn_.clear();
}

void FlushList::OnWritable(SendQueue* queue, bool broken) { queue->OnWritable(broken); }

const char* SendQueue::ToString(State state) {
  switch (state) {
    case State::kOpening:
      return "opening";
    case State::kOpen:
      return "open";
    case State::kNoData:
      return "no data";
    case State::kCloseQueued:
      return "close queued";
    case State::kBroken:
      return "broken";
  }
  return "?";
}

void SendQueue::ChangeState(State to, const char* why) {
  if (to <= state_) return;
  spdlog::debug("queue of socket {}: {} -> {}: {}", descriptor_, ToString(state_), ToString(to),
                why);
  state_ = to;
}

SendQueue::~SendQueue() {
  if (place_ != kNotMarked) flush_list_->Remove(place_);
}

void SendQueue::AppendPing(FramePtr ping) {
  if (state_ >= State::kCloseQueued) return;
  ping_unanswered_ = true;
  Push(std::move(ping));
  if (queued_bytes_ > kFlushEarlyBytes) Flush();
}

void SendQueue::AppendControl(std::string_view bytes) {
  if (state_ >= State::kCloseQueued) return;
  if (bytes == kBeastTooBig) bytes = kProtocolError;
  const bool close = static_cast<uint8_t>(bytes.front()) == (0x80 | uint8_t{0x8});
  if (close) ChangeState(State::kCloseQueued, "the close frame is queued");
  Push(Frame::Copy(bytes));
}

void SendQueue::DropQueue() {
  if (front_sent_ == 0) {
    ClearQueue();
    return;
  }
  queue_.resize(head_ + 1);
  queued_bytes_ = CostOf(queue_[head_]) - front_sent_;
}

std::vector<FramePtr> SendQueue::TakeQueued() {
  std::vector<FramePtr> taken(queue_.begin() + head_, queue_.end());
  ClearQueue();
  return taken;
}

void SendQueue::ClearQueue() {
  if (queue_.capacity() > kKeptCapacity) {
    queue_.clear();  // frees its memory: most sessions are idle most of the time
  } else {
    queue_.resize(0);
  }
  head_ = 0;
  front_sent_ = 0;
  queued_bytes_ = 0;
}

void SendQueue::Flush() {
  if (descriptor_ < 0) return;
  if (queue_.size() == 1 && front_sent_ == 0 && !waiting_) {
    SendOnlyFrame();
    return;
  }
  while (pending() > 0 && !waiting_) {
    const size_t sent = Send();
    if (sent == 0) return;
    Sent(sent);
  }
}

bool SendQueue::MakeRoom(size_t bytes, size_t queued_bytes_max) {
  Flush();
  return queued_bytes_ == 0 || queued_bytes_ + bytes <= queued_bytes_max;
}

// Most flushes take this way.
void SendQueue::SendOnlyFrame() {
  const std::string_view bytes = queue_.front()->bytes();
  const ssize_t sent = SendBytes(descriptor_, bytes);
  if (sent == static_cast<ssize_t>(bytes.size())) {
    queue_.pop_back();
    queued_bytes_ = 0;
  } else if (sent > 0) {
    Sent(static_cast<size_t>(sent));
    Flush();
  } else {
    OnSendError();
  }
}

// Makes one system call. Returns 0 if the socket takes nothing now, or is broken.
size_t SendQueue::Send() {
  const std::string_view first = queue_[head_]->bytes().substr(front_sent_);
  const size_t count = std::min(pending(), kFramesPerSendMax);
  ssize_t sent = 0;
  if (count == 1) {
    sent = SendBytes(descriptor_, first);
  } else if (queued_bytes_ <= pending() * kCopyBytesMax) {
    std::string& scratch = flush_list_->scratch();
    scratch.assign(first);
    for (size_t i = head_ + 1; i < queue_.size() && scratch.size() < kScratchBytesMax; ++i) {
      scratch.append(queue_[i]->bytes());
    }
    sent = SendBytes(descriptor_, scratch);
  } else {
    std::array<iovec, kFramesPerSendMax> parts;
    parts[0] = {const_cast<char*>(first.data()), first.size()};
    for (size_t i = 1; i < count; ++i) {
      const std::string_view bytes = queue_[head_ + i]->bytes();
      parts[i] = {const_cast<char*>(bytes.data()), bytes.size()};
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    sent = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  if (sent > 0) return static_cast<size_t>(sent);
  OnSendError();
  return 0;
}

void SendQueue::OnSendError() {
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ||
                     errno == ENOBUFS || errno == ENOMEM;
  if (later) {
    waiting_ = true;
    flush_list_->WaitWritable(this);
  } else {
    Break(std::strerror(errno));
    flush_list_->OnBroken(this);
  }
}

void SendQueue::Sent(size_t bytes) {
  if (bytes == queued_bytes_ - pending() * sizeof(FramePtr)) {  // all of it, as a rule
    ClearQueue();
    return;
  }
  bytes += front_sent_;
  queued_bytes_ += front_sent_;
  for (; bytes >= queue_[head_]->size(); ++head_) {
    bytes -= queue_[head_]->size();
    queued_bytes_ -= CostOf(queue_[head_]);
    queue_[head_].reset();
  }
  front_sent_ = static_cast<uint32_t>(bytes);
  queued_bytes_ -= bytes;
  // The rest moves to the front only when it is shorter than what was sent, so that moving stays
  // cheap.
  if (head_ > kKeptCapacity && head_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + head_);
    head_ = 0;
    // SendOnlyFrame empties a queue of one as it is.
    if (queue_.size() <= kKeptCapacity) queue_.shrink_to_fit();
  }
}

void SendQueue::Break(const char* why) {
  ChangeState(State::kBroken, why);
  ClearQueue();
}

void SendQueue::OnWritable(bool broken) {
  waiting_ = false;
  if (broken) {
    Break("waiting for it failed");
    flush_list_->OnBroken(this);
    return;
  }
  ping_unanswered_ = false;  // the peer takes what waits
  Flush();
}

}  // namespace edge
