#include "channel_service/base/descriptors.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>

namespace channel {

absl::StatusOr<size_t> RaiseDescriptorLimit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) {
      spdlog::debug("limit of open files: raised from {} to {}", limit.rlim_cur, limit.rlim_max);
      limit = raised;
    }
  }
  // Descriptors are numbered by an int.
  const size_t descriptors = std::min<rlim_t>(limit.rlim_cur, 1 << 30);
  if (descriptors < kDescriptorsMin) {
    return absl::ResourceExhaustedError(
        fmt::format("this process may have {} open files; at least {} are needed (ulimit -n)",
                    descriptors, kDescriptorsMin));
  }
  return descriptors;
}

}  // namespace channel
