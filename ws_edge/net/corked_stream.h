// The socket under Beast's WebSocket stream: the only writer, one system call per turn of the loop.
//
// Beast does the handshake, reading, and control frames on top of it. Data frames come from below
// Beast: encoded once, appended here by reference. Everything queued in a turn leaves in one send.
// Whole frames only are appended, and Beast's control frames come in one write each, so no frame
// lands inside another. After Beast's close frame no data is taken. Owned by its session; loop
// thread only. The queue of data is bounded by who offers it. When the socket is broken the queue
// is dropped; the reader sees the error.
#pragma once

#include <absl/container/inlined_vector.h>
#include <absl/functional/any_invocable.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/role.hpp>
#include <memory>
#include <string>
#include <utility>

#include "ws_edge/limits.h"
#include "ws_edge/net/flush_list.h"
#include "ws_edge/net/frame.h"

namespace edge {

// Asio's executor of the loop itself, not the type-erased one: smaller and without virtual calls.
using LoopExecutor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, LoopExecutor>;

class CorkedStream {
 public:
  using executor_type = LoopExecutor;
  using Error = boost::beast::error_code;

  CorkedStream(Socket socket, FlushList* flush_list)
      : descriptor_(socket.native_handle()), flush_list_(flush_list), socket_(std::move(socket)) {}
  ~CorkedStream();

  executor_type get_executor() { return socket_.get_executor(); }
  Socket& socket() { return socket_; }  // to be closed by Close only
  const Socket& socket() const { return socket_; }
  // What waits to be sent: the frames' bytes and their places in the queue.
  size_t queued_bytes() const { return queued_bytes_; }

  // Queues a ping; nothing after the close frame.
  void AppendPing(FramePtr ping);
  // A ping was queued, and since then nothing was received (Beast asks for more after each piece),
  // and the peer did not take what had to wait: the ping may still be behind that.
  bool ping_unanswered() const { return ping_unanswered_; }

  // Data frames are taken from now on (false: no longer). At first they are not.
  void AllowData(bool allowed) { data_allowed_ = allowed && !close_queued_ && !broken_; }
  // Queues a data frame; the way of each delivery. Without AllowData it is dropped. False: the
  // queue would hold more than `queued_bytes_max`, and the frame is not in it. An empty queue takes
  // any frame: a message in its envelope may be longer than it was.
  bool Offer(const FramePtr& frame, size_t queued_bytes_max) {
    if (!data_allowed_) return true;
    if (queued_bytes_ > 0 && queued_bytes_ + frame->size() > queued_bytes_max) return false;
    ++offered_;
    Push(frame);
    if (queued_bytes_ > kFlushEarlyBytes) Flush();
    return true;
  }
  // The same for a frame that is alone in its turn: written at once if nothing waits before it.
  bool OfferAlone(const FramePtr& frame, size_t queued_bytes_max) {
    if (!queue_.empty() || !data_allowed_) return Offer(frame, queued_bytes_max);
    ++offered_;
    queued_bytes_ = CostOf(frame);
    queue_.push_back(frame);
    SendOnlyFrame();
    return true;
  }
  uint32_t offered() const { return offered_; }
  // What Offer and Flush touch of this object, brought near before they do.
  void Prefetch() const { __builtin_prefetch(&descriptor_, 1); }

  // Drops what is queued, but for a frame that is on its way in part.
  void DropQueue();

  // Drops everything and closes the socket; outstanding operations end.
  void Close();

  // Sends what the socket takes now; waits for it to be writable if something is left.
  void Flush();

  // Called by Beast (AsyncReadStream, AsyncWriteStream).
  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    ping_unanswered_ = false;
    return socket_.async_read_some(buffers, std::forward<Token>(token));
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(Error, size_t)>(
        [this](auto handler, const Buffers& control) {
          const std::string bytes = boost::beast::buffers_to_string(control);
          AppendControl(bytes);
          CompleteControl(std::move(handler), bytes.size());
        },
        token, buffers);
  }

  // Sends what is queued, shuts down our side, then reads until the peer has closed its own:
  // closing at once would destroy a close frame that is still on its way.
  void StartTeardown(absl::AnyInvocable<void(Error)> done);

 private:
  friend class FlushList;
  // What a frame counts in a queue: small ones cost more for their place than for their bytes.
  static size_t CostOf(const FramePtr& frame) { return frame->size() + sizeof(FramePtr); }
  void Push(FramePtr frame) {
    queued_bytes_ += CostOf(frame);
    queue_.push_back(std::move(frame));
    if (place_ == kNotMarked && !waiting_) place_ = flush_list_->Add(this);
  }
  void AppendControl(std::string_view bytes);
  // Completes a control write: at once (but never inside Beast's call), or, while much is queued,
  // when the socket has taken it. Beast does not read meanwhile, so a client that floods us with
  // pings and does not read is held up instead of filling the queue with pongs.
  template <typename Handler>
  void CompleteControl(Handler handler, size_t bytes) {
    if (queued_bytes_ <= kControlHighWaterBytes) {
      boost::asio::post(socket_.get_executor(),
                        boost::beast::bind_front_handler(std::move(handler), Error(), bytes));
      return;
    }
    socket_.async_wait(Socket::wait_write,
                       [this, handler = std::move(handler), bytes](const Error& error) mutable {
                         if (error) {
                           handler(error, 0);
                         } else {
                           CompleteControl(std::move(handler), bytes);
                         }
                       });
  }
  size_t pending() const { return queue_.size() - head_; }
  void SendOnlyFrame();
  size_t Send();
  void OnSendError();
  void Sent(size_t bytes);
  void ClearQueue();
  void Break();
  void Fail();
  void WaitWritable();
  void StartDiscard(std::shared_ptr<std::string> buffer, absl::AnyInvocable<void(Error)> done);

  static constexpr uint32_t kNotMarked = UINT32_MAX;

  // One cache line, up to the blank line: with 10,000 sessions it is memory that costs, not work.
  alignas(64) int descriptor_;
  uint32_t place_ = kNotMarked;  // in the flush list
  FlushList* const flush_list_;
  absl::InlinedVector<FramePtr, 2> queue_;
  size_t queued_bytes_ = 0;
  uint32_t head_ = 0;  // queue_[head_] is the first that is not sent; those before it are null
  uint32_t front_sent_ = 0;  // bytes of it that are sent
  bool data_allowed_ = false;
  bool waiting_ = false;  // for the socket to be writable
  uint32_t offered_ = 0;  // data frames, ever, modulo 2^32

  bool ping_unanswered_ = false;
  bool close_queued_ = false;
  bool broken_ = false;
  // Lets a handler that waits find out that this is gone.
  std::shared_ptr<CorkedStream*> writable_wait_;
  Socket socket_;
};

// Found by Beast through argument-dependent lookup.
template <typename Handler>
void async_teardown(boost::beast::role_type, CorkedStream& stream, Handler&& handler) {
  stream.StartTeardown(std::forward<Handler>(handler));
}
inline void teardown(boost::beast::role_type, CorkedStream& stream,
                     boost::beast::error_code& error) {
  stream.Close();
  error = {};
}

inline void beast_close_socket(CorkedStream& stream) { stream.Close(); }

}  // namespace edge
