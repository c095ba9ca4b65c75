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
#include "channel_service/base/strings.h"
#include "channel_service/rpc/unix_listener.h"

namespace channel {
namespace {

constexpr int kBacklog = 1024;
constexpr int kPauseMillis = 100;
constexpr int kSocketType = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
// Descriptors that connections may not take: admin connections, NATS and gRPC itself need them.
constexpr int kReservedDescriptors = kAdminConnectionsMax + 8;
static_assert(kReservedDescriptors < static_cast<int>(kDescriptorsMin) / 2);

// `error`: errno, taken before anything else is called.
absl::Status SystemError(std::string_view what, int error) {
  return absl::UnavailableError(fmt::format("{}: {}", what, std::strerror(error)));
}

// The kernel gives the lowest free number: a connection numbered here or above is one too many.
int DescriptorEnd() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto descriptors = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 1 << 30));
  return descriptors - kReservedDescriptors;
}

}  // namespace

size_t ConnectionsMax() { return static_cast<size_t>(DescriptorEnd()) / 2; }

Acceptor::~Acceptor() {
  Stop();
  CloseListeners();
  for (const int fd : {stop_fd_, reserve_fd_}) {
    if (fd >= 0) ::close(fd);
  }
}

absl::Status Acceptor::Open() {
  stop_fd_ = ::eventfd(0, EFD_CLOEXEC);
  reserve_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (stop_fd_ < 0 || reserve_fd_ < 0) return SystemError("descriptors of the acceptor", errno);
  descriptor_end_ = DescriptorEnd();
  return absl::OkStatus();
}

absl::StatusOr<Acceptor::Endpoint> Acceptor::Listen(const Endpoint& endpoint) {
  const int family = endpoint.address().is_v6() ? AF_INET6 : AF_INET;
  const int fd = ::socket(family, kSocketType, 0);
  if (fd < 0) return SystemError("socket", errno);
  listeners_.push_back({fd, ""});
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    const int error = errno;
    return SystemError(fmt::format("cannot listen on {}", ToString(endpoint)), error);
  }
  Endpoint bound = endpoint;
  auto size = static_cast<socklen_t>(bound.capacity());
  if (::getsockname(fd, bound.data(), &size) != 0) return SystemError("getsockname", errno);
  return bound;
}

absl::Status Acceptor::ListenUnix(const std::string& path) {
  const auto fd = ListenOnUnixSocket(path, kBacklog);
  if (!fd.ok()) {
    return absl::UnavailableError(
        fmt::format("cannot listen on unix:{}: {}", path, MessageOf(fd.status())));
  }
  listeners_.push_back({*fd, path});
  return absl::OkStatus();
}

void Acceptor::Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> target,
                     CompletionLoop& loop) {
  target_ = std::move(target);
  loop_ = &loop;
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(stop_fd_, &one, sizeof one);
  thread_.join();
  CloseListeners();  // clients are refused at once and try another address
}

void Acceptor::CloseListeners() {
  for (const Listener& listener : listeners_) {
    if (!listener.unix_path.empty()) ::unlink(listener.unix_path.c_str());
    ::close(listener.fd);
  }
  listeners_.clear();
}

void Acceptor::Run() {
  std::vector<pollfd> waits = {{stop_fd_, POLLIN, 0}};
  for (const Listener& listener : listeners_) waits.push_back({listener.fd, POLLIN, 0});
  while (true) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    if (waits[0].revents != 0) return;
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (waits[i + 1].revents != 0) AcceptReady(listeners_[i]);
    }
  }
}

void Acceptor::AcceptReady(const Listener& listener) {
  Endpoint peer;  // of a Unix socket: none
  auto size = static_cast<socklen_t>(peer.capacity());
  const int fd = ::accept4(listener.fd, peer.data(), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      RefuseOne(listener);
    }
    return;  // other errors: the client is gone already, or nothing was waiting
  }
  if (const absl::Status status = Admit(listener, fd, peer); !status.ok()) {
    ::close(fd);
    LogRefusal(MessageOf(status));
    return;
  }
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = listener.fd;
  connection.fd = fd;
  loop_->PostAndWait([&] { target_->HandleNewConnection(&connection); });
}

absl::Status Acceptor::Admit(const Listener& listener, int fd, const Endpoint& peer) {
  if (!listener.unix_path.empty()) {
    return fd < descriptor_end_ ? absl::OkStatus() : FewDescriptorsError();
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // Else the kernel's count of unread bytes, by which the guard judges, ends at urgent data.
  ::setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  return guard_.Admit(fd, peer, descriptor_end_);
}

void Acceptor::RefuseOne(const Listener& listener) {
  if (reserve_fd_ >= 0) ::close(std::exchange(reserve_fd_, -1));
  const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) {
    ::close(fd);
  } else {
    // No connection could be taken: polling again at once would turn at full speed.
    pollfd stop = {stop_fd_, POLLIN, 0};
    ::poll(&stop, 1, kPauseMillis);
  }
  reserve_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  LogRefusal("no file descriptors are left (raise the limit: ulimit -n)");
}

void Acceptor::LogRefusal(std::string_view why) {
  refused_.Increment();
  if (!refusals_log_.Pass(std::chrono::steady_clock::now()).has_value()) return;
  spdlog::warn("connection refused: {}", why);
}

}  // namespace channel
