// The socket under Beast's WebSocket stream, and the only writer to it.
//
// Beast does the handshake, reading (as fast as the gate lets it), and control frames on top of it.
// Data frames do not pass Beast: they are offered to the send queue, the base class. Beast writes
// each control frame whole, so no frame lands inside another. Owned by its session; loop thread
// only.
#pragma once

#include <absl/functional/any_invocable.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/role.hpp>
#include <memory>
#include <string>
#include <utility>

#include "channel_service/http/socket.h"
#include "ws_edge/limits.h"
#include "ws_edge/net/read_gate.h"
#include "ws_edge/net/send_queue.h"

namespace edge {

using channel::Socket;

// The flush list of the streams of one loop.
class LoopFlushList final : public FlushList {
 public:
  explicit LoopFlushList(boost::asio::io_context& loop) : loop_(loop) {}

 private:
  friend class CorkedStream;
  void WaitWritable(SendQueue* queue) override;
  void OnBroken(SendQueue* queue) override;
  void FlushAllLater() override;

  boost::asio::io_context& loop_;
};

class CorkedStream final : public SendQueue {
 public:
  using executor_type = channel::LoopExecutor;
  using Error = boost::beast::error_code;

  // `gate`: how fast it is read.
  CorkedStream(Socket socket, LoopFlushList* flush_list, ReadGate* gate)
      : SendQueue(socket.native_handle(), flush_list), gate_(gate), socket_(std::move(socket)) {}
  ~CorkedStream();

  executor_type get_executor() { return socket_.get_executor(); }
  Socket& socket() { return socket_; }  // to be closed by Close only
  const Socket& socket() const { return socket_; }

  // Drops everything and closes the socket; outstanding operations end.
  void Close();

  // Called by Beast (AsyncReadStream, AsyncWriteStream).
  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(Error, size_t)>(
        [this](auto handler, const Buffers& target) {
          if (!socket_.is_open() || gate_->open()) {
            StartRead(std::move(handler), target);
            return;
          }
          gate_->Hold([this, handler = std::move(handler), target](bool aborted) mutable {
            if (!aborted) {
              StartRead(std::move(handler), target);
              return;
            }
            boost::asio::post(socket_.get_executor(),
                              boost::beast::bind_front_handler(
                                  std::move(handler), boost::asio::error::operation_aborted, 0));
          });
        },
        token, buffers);
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
  friend class LoopFlushList;
  template <typename Handler, typename Buffers>
  void StartRead(Handler handler, const Buffers& buffers) {
    OnPeerHeard();
    socket_.async_read_some(
        buffers, [this, handler = std::move(handler), buffers](Error error, size_t bytes) mutable {
          if (bytes > 0) gate_->OnRead(buffers, bytes);
          handler(error, bytes);
        });
  }
  // Completes a control write: at once (but never inside Beast's call), or, while more than
  // kControlHighWaterBytes are queued, when the socket has taken enough. Beast does not read
  // meanwhile, so a client that sends many pings and does not read is held up instead of filling
  // the queue with pongs.
  template <typename Handler>
  void CompleteControl(Handler handler, size_t bytes) {
    if (queued_bytes() <= kControlHighWaterBytes) {
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
  void WaitWritable();
  void StartDiscard(std::shared_ptr<std::string> buffer, absl::AnyInvocable<void(Error)> done);

  // Tells a waiting handler that this object is gone: the pointer is then null.
  std::shared_ptr<CorkedStream*> writable_wait_;
  ReadGate* const gate_;
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
