#include "ws_edge/upstream/poll_descriptor.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

namespace edge {
namespace {

// Descriptors of this process that are epoll sets; proc(5), /proc/PID/fd.
std::vector<int> EpollSets() {
  std::vector<int> sets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) != "anon_inode:[eventpoll]") continue;
    const std::string name = entry.path().filename();
    std::from_chars(name.data(), name.data() + name.size(), sets.emplace_back());
  }
  std::sort(sets.begin(), sets.end());
  return sets;
}

int StartAndFind() {
  const std::string version = grpc::Version();
  if (!WaitsInOneEpollSet(version)) {
    spdlog::warn("gRPC {} is polled on a timer: its descriptor is known for gRPC 1.51 only",
                 version);
    return -1;
  }
  const std::vector<int> before = EpollSets();
  grpc_init();
  const std::vector<int> after = EpollSets();
  std::vector<int> added;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(added));
  if (added.size() == 1) return added.front();
  spdlog::warn("{} epoll sets were made by gRPC instead of one: its queue is polled on a timer",
               added.size());
  return -1;
}

}  // namespace

bool WaitsInOneEpollSet(std::string_view grpc_version) { return grpc_version.starts_with("1.51."); }

int FindPollDescriptor() {
  static const int descriptor = StartAndFind();
  return descriptor;
}

}  // namespace edge
