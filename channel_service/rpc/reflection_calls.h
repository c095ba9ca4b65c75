// The standard reflection service (grpc.reflection.v1, and v1alpha for older clients), answered on
// our loop.
//
// gRPC has one of its own, on its synchronous API, whose thread polls beside our loop: it reads
// connections as well, where the guard of connections does not see what they cost.
#pragma once

#include "channel_service/rpc/context.h"

namespace channel {

// Make a call that waits for a client, and is replaced when one has come (next_calls.h).
void AcceptReflection(RpcContext& context);
void AcceptReflectionAlpha(RpcContext& context);

}  // namespace channel
