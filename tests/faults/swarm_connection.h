// One WebSocket connection of a swarm client.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace faults {

// Shared by its owner and its outstanding operations. After Detach the owner hears nothing more.
// Frames are read without a copy where they came whole: thousands of these share one thread with
// what a flood brings them.
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
  void Send(std::string_view text);
  void SetReading(bool reading);
  // Ends the connection with a reset, without telling the owner.
  void Detach();

 private:
  using ErrorCode = boost::system::error_code;

  bool Open(const std::string& source_address, std::optional<int> receive_buffer_bytes);
  void AskForUpgrade(const boost::asio::ip::tcp::endpoint& server);
  // The answer to the upgrade is read in any case.
  bool Reads() const { return reading_ || !upgraded_; }
  void StartRead();
  void OnReadable();
  // Takes what is complete off the front of `bytes`; false when nothing more is to be read.
  bool Take(std::string_view& bytes);
  bool TakeUpgrade(std::string_view& bytes);
  // `first`: FIN, reserved bits, opcode.
  bool OnFrame(std::uint8_t first, std::string_view payload);
  void Write(std::string bytes);
  void WriteNext();
  void End(int code);

  Observer* observer_;
  boost::asio::ip::tcp::socket socket_;
  std::string kept_;  // came, and is not complete
  std::deque<std::string> queue_;
  bool upgraded_ = false;
  bool reading_ = true;
  bool wait_pending_ = false;
};

}  // namespace faults
