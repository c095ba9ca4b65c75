#include "channel_service/rpc/socket_counters.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace channel {
namespace {

// Places in the kernel's tcp_info, which only grows at its end. That of <netinet/tcp.h> ends before
// them, and <linux/tcp.h>, which has them, cannot be included beside it.
constexpr size_t kBytesAckedAt = 120;
constexpr size_t kBytesReceivedAt = 128;
constexpr size_t kInfoBytes = kBytesReceivedAt + sizeof(uint64_t);

// The kernel takes no more than half of the receive buffer.
constexpr int kHeldBackBytes = 64 << 10;

uint64_t ReadAt(const std::array<char, kInfoBytes>& info, size_t place) {
  uint64_t value = 0;
  std::memcpy(&value, info.data() + place, sizeof value);
  return value;
}

}  // namespace

bool ReadCounters(int descriptor, ConnectionLook* look) {
  std::array<char, kInfoBytes> info{};
  socklen_t size = kInfoBytes;
  int unread = 0;
  // In this order: what comes in between counts as read, not as less than nothing.
  if (::ioctl(descriptor, SIOCINQ, &unread) != 0 ||
      ::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, info.data(), &size) != 0) {
    return false;
  }
  const uint64_t received = ReadAt(info, kBytesReceivedAt);
  // Bytes that were read before stay read, whatever the two calls saw.
  look->read_bytes =
      std::max(look->read_bytes, received - std::min(received, static_cast<uint64_t>(unread)));
  look->sent_bytes = ReadAt(info, kBytesAckedAt);
  return true;
}

uint64_t UnreadBytes(int descriptor) {
  int unread = 0;
  return ::ioctl(descriptor, SIOCINQ, &unread) == 0 ? static_cast<uint64_t>(unread) : 0;
}

void SetReadable(int descriptor, bool readable) {
  const int bytes = readable ? 1 : kHeldBackBytes;
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

void ResetConnection(int descriptor) {
  // connect(2): an address of AF_UNSPEC dissolves the association.
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  if (::connect(descriptor, &nowhere, sizeof nowhere) != 0) ::shutdown(descriptor, SHUT_RDWR);
}

}  // namespace channel
