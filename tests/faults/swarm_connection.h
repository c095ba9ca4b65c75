// One WebSocket connection of a swarm client.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace faults {

// Shared by its owner and its outstanding operations. After Detach the owner hears nothing more.
class SwarmConnection : public std::enable_shared_from_this<SwarmConnection> {
 public:
  class Observer {
   public:
    virtual void OnText(std::string_view text) = 0;
    // The close code; 1006 if there was no close frame (RFC 6455, section 7.1.5).
    virtual void OnClosed(int code) = 0;

   protected:
    ~Observer() = default;
  };

  SwarmConnection(boost::asio::io_context& loop, Observer* observer);

  void Start(const boost::asio::ip::tcp::endpoint& server, const std::string& source_address,
             std::optional<int> receive_buffer_bytes);
  void Send(std::string text);
  void SetReading(bool reading);
  // Ends the connection with a reset, without telling the owner.
  void Detach();

 private:
  using ErrorCode = boost::system::error_code;

  bool Open(const std::string& source_address, std::optional<int> receive_buffer_bytes);
  void Handshake(const boost::asio::ip::tcp::endpoint& server);
  void Read();
  void Write();
  void Fail(ErrorCode error);

  Observer* observer_;
  boost::beast::websocket::stream<boost::asio::ip::tcp::socket, /*deflateSupported=*/false> stream_;
  boost::beast::flat_buffer buffer_;
  std::deque<std::string> queue_;
  bool reading_ = true;
  bool read_pending_ = false;
  bool open_ = false;
};

}  // namespace faults
