#include "tests/faults/swarm_connection.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <utility>

namespace faults {

namespace websocket = boost::beast::websocket;
using boost::asio::ip::tcp;

constexpr int kAbnormalClosure = 1006;

SwarmConnection::SwarmConnection(boost::asio::io_context& loop, Observer* observer)
    : observer_(observer), stream_(loop) {
  stream_.set_option(websocket::stream_base::decorator([](websocket::request_type& request) {
    request.set(boost::beast::http::field::sec_websocket_protocol, "channel.v1.json");
  }));
  stream_.read_message_max(1 << 20);
}

void SwarmConnection::Start(const tcp::endpoint& server, const std::string& source_address,
                            std::optional<int> receive_buffer_bytes) {
  if (!Open(source_address, receive_buffer_bytes)) {
    // The owner is in the middle of connecting; it hears of the failure in the next turn.
    return boost::asio::post(stream_.get_executor(),
                             [self = shared_from_this()] { self->Fail({}); });
  }
  stream_.next_layer().async_connect(server, [self = shared_from_this(), server](ErrorCode error) {
    if (self->observer_ == nullptr) return;
    if (error) return self->Fail(error);
    self->Handshake(server);
  });
}

bool SwarmConnection::Open(const std::string& source_address,
                           std::optional<int> receive_buffer_bytes) {
  tcp::socket& socket = stream_.next_layer();
  ErrorCode error;
  socket.open(tcp::v4(), error);
  if (error) return false;
  socket.set_option(tcp::no_delay(true), error);
  if (receive_buffer_bytes) {
    socket.set_option(boost::asio::socket_base::receive_buffer_size(*receive_buffer_bytes), error);
  }
  if (source_address.empty()) return true;
  // The port is chosen at the connect, so that each source address has its own range of them.
  const int on = 1;
  ::setsockopt(socket.native_handle(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  socket.bind(tcp::endpoint(boost::asio::ip::make_address_v4(source_address), 0), error);
  return !error;
}

void SwarmConnection::Handshake(const tcp::endpoint& server) {
  stream_.async_handshake(server.address().to_string() + ":" + std::to_string(server.port()), "/",
                          [self = shared_from_this()](ErrorCode error) {
                            if (self->observer_ == nullptr) return;
                            if (error) return self->Fail(error);
                            self->open_ = true;
                            self->Read();
                          });
}

void SwarmConnection::Send(std::string text) {
  queue_.push_back(std::move(text));
  if (queue_.size() == 1) Write();
}

void SwarmConnection::SetReading(bool reading) {
  reading_ = reading;
  if (open_) Read();
}

void SwarmConnection::Detach() {
  observer_ = nullptr;
  ErrorCode ignored;
  tcp::socket& socket = stream_.next_layer();
  socket.set_option(tcp::socket::linger(true, 0), ignored);
  socket.close(ignored);
}

void SwarmConnection::Read() {
  if (read_pending_ || !reading_ || observer_ == nullptr) return;
  read_pending_ = true;
  stream_.async_read(buffer_, [self = shared_from_this()](ErrorCode error, std::size_t) {
    self->read_pending_ = false;
    if (self->observer_ == nullptr) return;
    if (error) return self->Fail(error);
    const auto data = self->buffer_.cdata();
    self->observer_->OnText({static_cast<const char*>(data.data()), data.size()});
    self->buffer_.consume(self->buffer_.size());
    self->Read();
  });
}

void SwarmConnection::Write() {
  stream_.async_write(boost::asio::buffer(queue_.front()),
                      [self = shared_from_this()](ErrorCode error, std::size_t) {
                        // The read fails as well, and knows the close code.
                        if (error || self->observer_ == nullptr) return;
                        self->queue_.pop_front();
                        if (!self->queue_.empty()) self->Write();
                      });
}

void SwarmConnection::Fail(ErrorCode error) {
  Observer* const observer = std::exchange(observer_, nullptr);
  if (observer == nullptr) return;
  const bool closed = error == websocket::error::closed;
  ErrorCode ignored;
  stream_.next_layer().close(ignored);
  observer->OnClosed(closed ? static_cast<int>(stream_.reason().code) : kAbnormalClosure);
}

}  // namespace faults
