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
// Of a queue that has run empty.
constexpr size_t kKeptCapacity = 16;

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
  queued_bytes_ += frame->size();
  queue_.push_back(std::move(frame));
  if (writable_wait_ == nullptr) Mark();
}

void CorkedStream::Mark() {
  if (place_ == kNotMarked) place_ = flush_list_->Add(this);
}

void CorkedStream::DropQueue() {
  const size_t kept = front_sent_ > 0 ? 1 : 0;
  queue_.resize(std::min(queue_.size(), kept));
  queued_bytes_ = queue_.empty() ? 0 : queue_.front()->size() - front_sent_;
}

void CorkedStream::Flush() {
  while (!queue_.empty() && writable_wait_ == nullptr) {
    const size_t sent = Send();
    if (sent == 0) return;
    Sent(sent);
  }
}

// One system call. Returns 0 if the socket takes nothing now, or is broken.
size_t CorkedStream::Send() {
  const size_t count = std::min(queue_.size(), kFramesPerSendMax);
  const std::string_view first = queue_.front()->bytes().substr(front_sent_);
  ssize_t sent = 0;
  if (count == 1) {
    sent = ::send(socket_.native_handle(), first.data(), first.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  } else if (queued_bytes_ <= count * kCopyBytesMax) {
    std::string& scratch = flush_list_->scratch();
    scratch.assign(first);
    for (size_t i = 1; i < count; ++i) scratch.append(queue_[i]->bytes());
    sent = ::send(socket_.native_handle(), scratch.data(), scratch.size(),
                  MSG_NOSIGNAL | MSG_DONTWAIT);
  } else {
    std::array<iovec, kFramesPerSendMax> parts;
    parts[0] = {const_cast<char*>(first.data()), first.size()};
    for (size_t i = 1; i < count; ++i) {
      const std::string_view bytes = queue_[i]->bytes();
      parts[i] = {const_cast<char*>(bytes.data()), bytes.size()};
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  if (sent > 0) return static_cast<size_t>(sent);
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS) {
    WaitWritable();
  } else {
    Fail();
  }
  return 0;
}

void CorkedStream::Sent(size_t bytes) {
  queued_bytes_ -= bytes;
  if (queued_bytes_ == 0) {
    queue_.clear();
    front_sent_ = 0;
    // A queue that has grown gives its memory back: most sessions are idle most of the time.
    if (queue_.capacity() > kKeptCapacity) queue_.shrink_to_fit();
    return;
  }
  size_t whole = 0;
  bytes += front_sent_;
  while (whole < queue_.size() && bytes >= queue_[whole]->size()) bytes -= queue_[whole++]->size();
  front_sent_ = bytes;
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(whole));
}

void CorkedStream::Fail() {
  broken_ = true;
  queue_.clear();
  queue_.shrink_to_fit();
  queued_bytes_ = 0;
  front_sent_ = 0;
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
