#include "channel_service/rpc/acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <utility>

#include "channel_service/base/address.h"
#include "channel_service/base/descriptors.h"

namespace channel {
namespace {

constexpr int kBacklog = 1024;
constexpr int kPauseMillis = 100;
// Descriptors that connections may not take: admin connections, NATS and gRPC itself need them.
constexpr int kReservedDescriptors = kAdminConnectionsMax + 8;
static_assert(kReservedDescriptors < static_cast<int>(kDescriptorsMin) / 2);

// `error`: errno, taken before anything else is called.
absl::Status SystemError(std::string_view what, int error) {
  return absl::UnavailableError(fmt::format("{}: {}", what, std::strerror(error)));
}

// The kernel gives the lowest free number: a connection numbered here or above is one too many.
int ConnectionDescriptorMax() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto descriptors = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 30));
  return descriptors - kReservedDescriptors;
}

}  // namespace

Acceptor::~Acceptor() {
  Stop();
  for (const int fd : {listen_fd_, stop_fd_, reserve_fd_}) {
    if (fd >= 0) ::close(fd);
  }
}

absl::StatusOr<Acceptor::Endpoint> Acceptor::Listen(const Endpoint& endpoint) {
  const int family = endpoint.address().is_v6() ? AF_INET6 : AF_INET;
  listen_fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listen_fd_ < 0) return SystemError("socket", errno);
  const int on = 1;
  ::setsockopt(listen_fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listen_fd_, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(listen_fd_, kBacklog) != 0) {
    const int error = errno;
    return SystemError(fmt::format("cannot listen on {}", ToString(endpoint)), error);
  }
  Endpoint bound = endpoint;
  auto size = static_cast<socklen_t>(bound.capacity());
  if (::getsockname(listen_fd_, bound.data(), &size) != 0) return SystemError("getsockname", errno);
  stop_fd_ = ::eventfd(0, EFD_CLOEXEC);
  reserve_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (stop_fd_ < 0 || reserve_fd_ < 0) return SystemError("descriptors of the acceptor", errno);
  connection_fd_max_ = ConnectionDescriptorMax();
  return bound;
}

void Acceptor::Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> target) {
  target_ = std::move(target);
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_fd_, &one, sizeof one);
  thread_.join();
  ::close(std::exchange(listen_fd_, -1));  // clients are refused at once and try another address
}

void Acceptor::Run() {
  pollfd fds[2] = {{listen_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
  while (true) {
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    if (fds[0].revents != 0) AcceptReady();
  }
}

void Acceptor::AcceptReady() {
  const int fd = ::accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) RefuseOne();
    return;  // other errors: the client is gone already, or nothing was waiting
  }
  if (fd >= connection_fd_max_) {
    ::close(fd);
    LogRefusal("almost no file descriptors are left");
    return;
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = listen_fd_;
  connection.fd = fd;
  target_->HandleNewConnection(&connection);
}

void Acceptor::RefuseOne() {
  if (reserve_fd_ >= 0) ::close(std::exchange(reserve_fd_, -1));
  const int fd = ::accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) {
    ::close(fd);
  } else {
    // No connection could be taken: polling again at once would turn at full speed.
    pollfd stop = {stop_fd_, POLLIN, 0};
    ::poll(&stop, 1, kPauseMillis);
  }
  reserve_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  LogRefusal("no file descriptors are left");
}

void Acceptor::LogRefusal(const char* why) {
  refused_.Increment();
  const auto now = std::chrono::steady_clock::now();
  if (now < next_log_) return;
  next_log_ = now + std::chrono::seconds(1);
  spdlog::warn("connection refused: {} (raise the limit: ulimit -n)", why);
}

}  // namespace channel
