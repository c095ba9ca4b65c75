#include "ws_edge/net/proxy_reader.h"

#include <utility>

namespace edge {

ProxyReader::ProxyReader(channel::Socket socket, OnHeader on_header, OnRefused on_refused)
    : socket_(std::move(socket)),
      on_header_(std::move(on_header)),
      on_refused_(std::move(on_refused)),
      deadline_(std::make_shared<channel::SocketDeadline>(socket_)) {}

void ProxyReader::Start(channel::SocketDeadline::Time until) {
  deadline_->Set(until);
  Read();
}

void ProxyReader::Read() {
  socket_.async_read_some(
      buffer_.prepare(kProxyHeaderBytesMax - buffer_.size()),
      [self = shared_from_this()](const boost::system::error_code& error, size_t n) {
        self->buffer_.commit(n);
        if (!error) {
          self->OnBytes();
        } else if (self->deadline_->over()) {
          self->on_refused_("it was not complete in time");
        }  // Otherwise the client is gone.
      });
}

void ProxyReader::OnBytes() {
  const std::string_view bytes(static_cast<const char*>(buffer_.data().data()), buffer_.size());
  const ProxyHeader header = ReadProxyHeader(bytes);
  switch (header.state) {
    case ProxyHeader::State::kIncomplete:
      Read();
      return;
    case ProxyHeader::State::kMalformed:
      on_refused_(header.why);
      return;
    case ProxyHeader::State::kComplete:
      deadline_->Stop();
      on_header_(std::move(socket_), header, bytes.substr(header.bytes));
      return;
  }
}

}  // namespace edge
