// Reads the kernel's counters of a TCP connection, and ends one that another part reads.
#pragma once

#include "channel_service/rpc/guard_rules.h"

namespace channel {

// Fills the bytes that were read from the socket (at least as many as `look` has) and those that
// its peer has acknowledged. Also of a connection that is over. Returns false if it cannot.
bool ReadCounters(int descriptor, ConnectionLook* look);

// Resets the connection, and throws away what waits to be read: the other holder of the descriptor
// finds an error and nothing more to read. shutdown(2) would leave it all of the receive buffer.
void ResetConnection(int descriptor);

}  // namespace channel
