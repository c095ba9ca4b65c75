// Listens on a Unix socket.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace channel {

// Makes the socket, which its owner and group may connect to (mode 0660) from its first moment, and
// returns its descriptor; whoever closes that removes the file before. `path` is as
// ParseUnixAddress gives it. A socket that a process left behind is replaced; one that is in use,
// and a file that is no socket, is left alone. UNAVAILABLE says what is wrong.
absl::StatusOr<int> ListenOnUnixSocket(const std::string& path, int backlog);

}  // namespace channel
