// Reads the kernel's counters of a TCP connection, and holds back or ends one that another part
// reads.
#pragma once

#include "channel_service/rpc/guard_rules.h"

namespace channel {

// Fills the bytes that were read from the socket (at least as many as `look` has) and those that
// its peer has acknowledged. Also of a connection that is over. Returns false if it cannot.
bool ReadCounters(int descriptor, ConnectionLook* look);

// Bytes that wait to be read.
uint64_t UnreadBytes(int descriptor);

// Sets whether a poll of the socket tells of bytes that wait to be read, as long as they are few.
// It tells of the end of the connection in any case.
void SetReadable(int descriptor, bool readable);

// Resets the connection, and throws away what waits to be read: the other holder of the descriptor
// finds an error and nothing more to read. shutdown(2) would leave it all of the receive buffer.
void ResetConnection(int descriptor);

}  // namespace channel
