#include "channel_service/rpc/unix_listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

namespace channel {
namespace {

constexpr int kUnixSocketType = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
constexpr mode_t kMode = 0660;
constexpr int kLockTriesMax = 100;
constexpr std::chrono::milliseconds kLockPause{10};

// The name of a Unix socket, as the kernel takes it.
class UnixName {
 public:
  explicit UnixName(const std::string& path) { path.copy(name_.sun_path, sizeof name_.sun_path); }

  const char* path() const { return name_.sun_path; }
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&name_); }
  static socklen_t size() { return sizeof(sockaddr_un); }

 private:
  sockaddr_un name_{AF_UNIX, {}};
};

// While it is held no other channel service looks whether a socket in the same folder is stale, or
// takes its place. Where the folder cannot be read, or has no locks, there is no such promise.
class FolderLock {
 public:
  explicit FolderLock(const std::string& socket_path)
      : fd_(::open(std::filesystem::path(socket_path).parent_path().c_str(),
                   O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }

  // Waits for it for a second at most: it tries again and again, for flock(2) has no wait that
  // ends. Returns false if another process keeps it.
  bool Take() const {
    if (fd_ < 0) return true;
    for (int tries = 0; ::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK; ++tries) {
      if (tries == kLockTriesMax) return false;
      std::this_thread::sleep_for(kLockPause);
    }
    return true;
  }

 private:
  const int fd_;
};

// Returns whether this is a socket that a process left behind.
bool NobodyListens(const UnixName& name) {
  struct stat file {};
  if (::lstat(name.path(), &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
  const int fd = ::socket(AF_UNIX, kUnixSocketType, 0);
  const bool refused = ::connect(fd, name.data(), UnixName::size()) != 0 && errno == ECONNREFUSED;
  ::close(fd);
  return refused;
}

}  // namespace

absl::StatusOr<int> ListenOnUnixSocket(const std::string& path, int backlog) {
  const UnixName name(path);
  const FolderLock lock(path);
  if (!lock.Take()) {
    return absl::UnavailableError("another process has locked the folder that it is in");
  }
  const int fd = ::socket(AF_UNIX, kUnixSocketType, 0);
  if (fd < 0) return absl::UnavailableError(std::strerror(errno));
  ::fchmod(fd, kMode);  // the file has no more than this from its first moment …
  if (NobodyListens(name)) ::unlink(path.c_str());
  const bool bound = ::bind(fd, name.data(), UnixName::size()) == 0;
  if (!bound || ::listen(fd, backlog) != 0) {
    const int error = errno;
    if (bound) ::unlink(path.c_str());
    ::close(fd);
    return absl::UnavailableError(std::strerror(error));
  }
  ::chmod(path.c_str(), kMode);  // … and what the umask took from it
  return fd;
}

}  // namespace channel
