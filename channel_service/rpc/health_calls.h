// The standard health service (grpc.health.v1), answered on our loop.
//
// gRPC has one of its own, but it runs on the callback API, whose threads poll beside our loop:
// with it a publication costs the service twice the CPU time (2,000 publications per second, one
// message each: 180 against 88 µs).
#pragma once

#include "channel_service/rpc/context.h"

namespace channel {

// Waits for the first call of the method; each call that arrives asks for the next one.
void AcceptHealthCheck(RpcContext& context);
void AcceptHealthWatch(RpcContext& context);

}  // namespace channel
