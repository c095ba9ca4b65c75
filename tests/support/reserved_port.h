#pragma once

#include <cstdint>

namespace support {

// A free port of 127.0.0.1 below 32768 (above it the kernel takes source ports of connections),
// kept from other tests that run at the same time for as long as this object lives. How: a socket
// is bound to the port without any reuse option, which fails if anybody has it, and gets
// SO_REUSEADDR and SO_REUSEPORT only afterwards. It never listens. Servers with one of these
// options can then bind and listen; another ReservedPort cannot have it.
class ReservedPort {
 public:
  ReservedPort();
  ~ReservedPort();
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;

  std::uint16_t number() const { return number_; }

 private:
  int fd_ = -1;
  std::uint16_t number_ = 0;
};

}  // namespace support
