// Where gRPC waits for its sockets, so that a loop of ours can wait for them as well.
#pragma once

#include <string_view>

namespace edge {

// The way described below is known to be that of this version of gRPC.
bool WaitsInOneEpollSet(std::string_view grpc_version);

// gRPC 1.51 keeps all sockets of a process in one epoll set, which is polled by whoever waits for a
// completion queue. A set is a descriptor itself: it is readable while one of its sockets is,
// unless a thread of gRPC waits for them just then (seldom: while a socket does not take a write).
// So a loop that watches it, and looks from time to time in any case, and takes what a queue has
// without waiting, needs no thread for gRPC (a thread of its own costs two changes of threads for
// each message; ws_edge/README.md, "Threads").
//
// Starts gRPC, for good. Call it before anything else of gRPC is used. The descriptor belongs to
// gRPC. -1: not found (another version, or another GRPC_POLL_STRATEGY); then a queue must be looked
// at again and again.
int FindPollDescriptor();

}  // namespace edge
