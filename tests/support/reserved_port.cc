#include "tests/support/reserved_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>

#include "tests/support/deadline.h"

namespace support {

ReservedPort::ReservedPort() {
  constexpr int kAttempts = 200;
  constexpr int kLowest = 12'000;
  constexpr int kHighest = 19'999;  // those above are of tests/deploy
  std::random_device random;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) throw TestFailure("socket: no descriptor");
    const auto candidate =
        static_cast<std::uint16_t>(std::uniform_int_distribution<int>(kLowest, kHighest)(random));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(candidate);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      const int on = 1;
      ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      ::setsockopt(fd_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
      number_ = candidate;
      return;
    }
    ::close(fd_);
  }
  throw TestFailure("no free port between 12000 and 19999");
}

ReservedPort::~ReservedPort() { ::close(fd_); }

}  // namespace support
