#include "ws_edge/net/corked_stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "ws_edge/limits.h"

namespace edge {
namespace {

namespace net = boost::asio;

// Frames up to this size are copied together; larger ones are gathered by sendmsg (bench, fan-out).
constexpr size_t kCopyBytesMax = 512;
// Frames of one system call; below IOV_MAX.
constexpr size_t kFramesPerSendMax = 64;
// Gathered for one system call; more gains nothing.
constexpr size_t kScratchBytesMax = 64 << 10;
// Of a queue that has run empty.
constexpr size_t kKeptCapacity = 16;

// What a frame counts in a queue: small ones cost more for their place than for their bytes.
size_t CostOf(const FramePtr& frame) { return frame->size() + sizeof(FramePtr); }

}  // namespace

void FlushList::FlushAll() {
  turn_.swap(marked_);
  for (CorkedStream* stream : turn_) {
    if (stream == nullptr) continue;
    stream->place_ = CorkedStream::kNotMarked;
    stream->Flush();
  }
  turn_.clear();
}

CorkedStream::~CorkedStream() {
  if (place_ != kNotMarked) flush_list_->Remove(place_);
  if (writable_wait_ != nullptr) *writable_wait_ = nullptr;
}

void CorkedStream::Append(FramePtr frame) {
  if (close_queued_ || broken_) return;
  Push(std::move(frame));
  if (queued_bytes_ > kFlushEarlyBytes) Flush();
}

void CorkedStream::AppendControl(std::string_view bytes) {
  if (close_queued_ || broken_) return;
  close_queued_ = static_cast<uint8_t>(bytes.front()) == (0x80 | uint8_t{0x8});
  Push(Frame::Copy(bytes));
}

void CorkedStream::Push(FramePtr frame) {
  queued_bytes_ += CostOf(frame);
  queue_.push_back(std::move(frame));
  if (writable_wait_ == nullptr) Mark();
}

void CorkedStream::Mark() {
  if (place_ == kNotMarked) place_ = flush_list_->Add(this);
}

void CorkedStream::DropQueue() {
  if (front_sent_ == 0) {
    ClearQueue();
    return;
  }
  queue_.resize(head_ + 1);
  queued_bytes_ = CostOf(queue_[head_]) - front_sent_;
}

void CorkedStream::ClearQueue() {
  queue_.clear();
  // A queue that has grown gives its memory back: most sessions are idle most of the time.
  if (queue_.capacity() > kKeptCapacity) queue_.shrink_to_fit();
  head_ = 0;
  front_sent_ = 0;
  queued_bytes_ = 0;
}

void CorkedStream::Flush() {
  while (pending() > 0 && writable_wait_ == nullptr) {
    const size_t sent = Send();
    if (sent == 0) return;
    Sent(sent);
  }
}

// One system call. Returns 0 if the socket takes nothing now, or is broken.
size_t CorkedStream::Send() {
  const std::string_view first = queue_[head_]->bytes().substr(front_sent_);
  const size_t count = std::min(pending(), kFramesPerSendMax);
  ssize_t sent = 0;
  if (count == 1) {
    sent = ::send(socket_.native_handle(), first.data(), first.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } else if (queued_bytes_ <= pending() * kCopyBytesMax) {
    std::string& scratch = flush_list_->scratch();
    scratch.assign(first);
    for (size_t i = head_ + 1; i < queue_.size() && scratch.size() < kScratchBytesMax; ++i) {
      scratch.append(queue_[i]->bytes());
    }
    sent = ::send(socket_.native_handle(), scratch.data(), scratch.size(),
                  MSG_NOSIGNAL | MSG_DONTWAIT);
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
    sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  if (sent > 0) return static_cast<size_t>(sent);
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ||
                     errno == ENOBUFS || errno == ENOMEM;
  if (later) {
    WaitWritable();
  } else {
    Fail();
  }
  return 0;
}

void CorkedStream::Sent(size_t bytes) {
  bytes += front_sent_;
  queued_bytes_ += front_sent_;
  for (; head_ < queue_.size() && bytes >= queue_[head_]->size(); ++head_) {
    bytes -= queue_[head_]->size();
    queued_bytes_ -= CostOf(queue_[head_]);
    queue_[head_].reset();
  }
  if (head_ == queue_.size()) {
    ClearQueue();
    return;
  }
  front_sent_ = static_cast<uint32_t>(bytes);
  queued_bytes_ -= bytes;
  // Moving the rest to the front costs as much as sending it did at least half as often.
  if (head_ > kKeptCapacity && head_ > queue_.size() / 2) {
    queue_.erase(queue_.begin(), queue_.begin() + head_);
    head_ = 0;
  }
}

void CorkedStream::Fail() {
  broken_ = true;
  ClearQueue();
  Error ignored;
  socket_.shutdown(Socket::shutdown_both, ignored);  // the reader is to see it too
}

void CorkedStream::WaitWritable() {
  writable_wait_ = std::make_shared<CorkedStream*>(this);
  socket_.async_wait(Socket::wait_write, [wait = writable_wait_](const Error& error) {
    CorkedStream* const self = *wait;
    if (self == nullptr) return;
    self->writable_wait_.reset();
    if (error) {
      self->Fail();
    } else {
      self->Flush();
    }
  });
}

void CorkedStream::StartTeardown(absl::AnyInvocable<void(Error)> done) {
  Flush();
  if (pending() > 0) {
    socket_.async_wait(Socket::wait_write,
                       [this, done = std::move(done)](const Error& error) mutable {
                         if (error) {
                           done(error);
                         } else {
                           StartTeardown(std::move(done));
                         }
                       });
    return;
  }
  Error ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  StartDiscard(std::make_shared<std::string>(4096, '\0'), std::move(done));
}

void CorkedStream::StartDiscard(std::shared_ptr<std::string> buffer,
                                absl::AnyInvocable<void(Error)> done) {
  const auto target = net::buffer(*buffer);
  socket_.async_read_some(target, [this, buffer = std::move(buffer), done = std::move(done)](
                                      const Error& error, size_t) mutable {
    if (!error) {
      StartDiscard(std::move(buffer), std::move(done));
      return;
    }
    Error ignored;
    socket_.close(ignored);
    done(error == net::error::eof ? Error() : error);
  });
}

}  // namespace edge
