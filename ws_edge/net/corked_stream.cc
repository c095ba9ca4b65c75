#include "ws_edge/net/corked_stream.h"

#include <boost/asio/post.hpp>

namespace edge {

namespace net = boost::asio;

// Every queue in a loop's list is a stream.
void LoopFlushList::WaitWritable(SendQueue* queue) {
  static_cast<CorkedStream*>(queue)->WaitWritable();
}

void LoopFlushList::OnBroken(SendQueue* queue) {
  CorkedStream::Error ignored;
  static_cast<CorkedStream*>(queue)->socket().shutdown(Socket::shutdown_both, ignored);
}

void LoopFlushList::FlushAllLater() {
  net::post(loop_, [this] { FlushAll(); });
}

CorkedStream::~CorkedStream() {
  if (writable_wait_ != nullptr) *writable_wait_ = nullptr;
}

void CorkedStream::Close() {
  Detach();
  Error ignored;
  socket_.close(ignored);
  gate_->Abort();
}

void CorkedStream::WaitWritable() {
  writable_wait_ = std::make_shared<CorkedStream*>(this);
  socket_.async_wait(Socket::wait_write, [wait = writable_wait_](const Error& error) {
    CorkedStream* const self = *wait;
    if (self == nullptr) return;
    self->writable_wait_.reset();
    LoopFlushList::OnWritable(self, error.failed());
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
    Close();
    done(error == net::error::eof ? Error() : error);
  });
}

}  // namespace edge
