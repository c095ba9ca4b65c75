#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/deadline.h"

struct addrinfo;

namespace support {

struct TcpOptions {
  std::string host = "127.0.0.1";           // a name, or an IPv4 or IPv6 address
  std::string source_address;               // e.g. "127.0.0.7"; empty = the kernel chooses
  std::optional<int> receive_buffer_bytes;  // SO_RCVBUF, set before the connect
};

// One blocking TCP connection, every call with a deadline. Owned by one thread.
class TcpConnection {
 public:
  // Tries each address of the host. Throws TestFailure if nobody accepts in time.
  explicit TcpConnection(std::uint16_t port, const TcpOptions& options = {},
                         Duration wait = kPatience);
  ~TcpConnection();
  TcpConnection(TcpConnection&& other) noexcept;
  TcpConnection& operator=(TcpConnection&& other) noexcept;
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  // Everything, or TestFailure: peer gone, or `wait` passed.
  void Send(std::string_view bytes, Duration wait = kPatience);

  // As much as goes out until all is sent, the peer is gone or nothing moved for `stalled`. Returns
  // how many bytes were taken.
  std::size_t SendWhileItMoves(std::string_view bytes, Duration stalled);

  // Appends what comes next to `out`: true; false if the peer is gone. TestFailure if nothing comes
  // in time. A reset counts as gone.
  bool Receive(std::string& out, Duration wait = kPatience);

  // Like Receive, but nothing = no bytes came in time.
  std::optional<bool> TryReceive(std::string& out, Duration wait);

  void ShutdownWrite();
  // Gone at once, with a reset and without any farewell.
  void Reset();
  void Close();
  // For poll(2) only.
  int descriptor() const { return fd_; }

 private:
  // Returns 0, or the errno with no descriptor left.
  int Connect(const addrinfo& target, const TcpOptions& options, Deadline deadline);

  int fd_ = -1;
};

}  // namespace support
