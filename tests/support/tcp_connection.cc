#include "tests/support/tcp_connection.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace support {
namespace {

constexpr std::size_t kReceiveBytes = 65'536;

[[noreturn]] void Fail(const std::string& what, int error) {
  throw TestFailure(what + ": " + std::strerror(error));
}

sockaddr_in Address(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text, &address.sin_addr) != 1) {
    throw TestFailure(std::string("not an IPv4 address: ") + text);
  }
  return address;
}

bool WaitFor(int fd, short events, Deadline deadline) {
  pollfd entry{fd, events, 0};
  while (true) {
    const int ready = ::poll(&entry, 1, MillisecondsLeft(deadline));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) Fail("poll", errno);
  }
}

}  // namespace

TcpConnection::TcpConnection(std::uint16_t port, const TcpOptions& options, Duration wait) {
  const Deadline deadline = After(wait);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port_text = std::to_string(port);
  if (const int why = ::getaddrinfo(options.host.c_str(), port_text.c_str(), &hints, &found)) {
    throw TestFailure("resolve " + options.host + ": " + ::gai_strerror(why));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  int error = 0;
  for (const addrinfo* to = found; to != nullptr && fd_ < 0; to = to->ai_next) {
    error = Connect(*to, options, deadline);
  }
  if (fd_ < 0) Fail("TCP port " + port_text, error);
}

int TcpConnection::Connect(const addrinfo& target, const TcpOptions& options, Deadline deadline) {
  fd_ = ::socket(target.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return errno;
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options.receive_buffer_bytes) {
    const int bytes = *options.receive_buffer_bytes;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  }
  int error = 0;
  if (!options.source_address.empty()) {
    ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    const sockaddr_in source = Address(options.source_address.c_str());
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) error = errno;
  }
  if (error == 0 && ::connect(fd_, target.ai_addr, target.ai_addrlen) != 0) {
    error = errno;
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      error = ETIMEDOUT;
      if (WaitFor(fd_, POLLOUT, deadline)) ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  if (error != 0) Close();
  return error;
}

TcpConnection::~TcpConnection() { Close(); }

TcpConnection::TcpConnection(TcpConnection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

TcpConnection& TcpConnection::operator=(TcpConnection&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void TcpConnection::Send(std::string_view bytes, Duration wait) {
  const Deadline deadline = After(wait);
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!WaitFor(fd_, POLLOUT, deadline)) throw TestFailure("the peer takes no more bytes");
    } else if (errno != EINTR) {
      Fail("send", errno);
    }
  }
}

std::size_t TcpConnection::SendWhileItMoves(std::string_view bytes, Duration stalled) {
  const std::size_t size = bytes.size();
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!WaitFor(fd_, POLLOUT, After(stalled))) break;
    } else if (errno != EINTR) {
      break;
    }
  }
  return size - bytes.size();
}

std::optional<bool> TcpConnection::TryReceive(std::string& out, Duration wait) {
  const Deadline deadline = After(wait);
  std::array<char, kReceiveBytes> buffer;
  while (true) {
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got > 0) {
      out.append(buffer.data(), static_cast<std::size_t>(got));
      return true;
    }
    if (got == 0 || errno == ECONNRESET || errno == EPIPE) return false;
    if (errno == EAGAIN) {
      if (!WaitFor(fd_, POLLIN, deadline)) return std::nullopt;
    } else if (errno != EINTR) {
      Fail("recv", errno);
    }
  }
}

bool TcpConnection::Receive(std::string& out, Duration wait) {
  const std::optional<bool> received = TryReceive(out, wait);
  if (!received) {
    throw TestFailure("nothing came within " + std::to_string(wait.count()) + " ms");
  }
  return *received;
}

void TcpConnection::ShutdownWrite() { ::shutdown(fd_, SHUT_WR); }

void TcpConnection::Reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  Close();
}

void TcpConnection::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace support
