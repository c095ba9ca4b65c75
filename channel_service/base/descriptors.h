// How many files and sockets this process may have open.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"

namespace channel {

// Fewer would be used up by the process's own: gRPC aborts when it gets none.
inline constexpr size_t kDescriptorsMin = 64;

// Connections to the admin address at one time.
inline constexpr int kAdminConnectionsMax = 16;

// Early in main: raises the limit to what the system lets this process have (RLIMIT_NOFILE, soft to
// hard) and returns it. RESOURCE_EXHAUSTED if that is less than kDescriptorsMin.
absl::StatusOr<size_t> RaiseDescriptorLimit();

}  // namespace channel
