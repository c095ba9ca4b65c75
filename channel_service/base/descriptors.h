// The limit of files and sockets that this process may have open.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"

namespace channel {

// The least that a process is started with: gRPC aborts when it gets no descriptor.
inline constexpr size_t kDescriptorsMin = 64;

// Connections that the admin address holds at one time.
inline constexpr int kAdminConnectionsMax = 16;

// Early in main: raises the limit to what the system lets this process have (RLIMIT_NOFILE, soft to
// hard) and returns it. RESOURCE_EXHAUSTED if that is less than kDescriptorsMin.
absl::StatusOr<size_t> RaiseDescriptorLimit();

}  // namespace channel
