// Publish and History: one request, one answer.
#pragma once

#include "channel_service/rpc/context.h"

namespace channel {

// Makes a call that waits for a client, and is replaced when one has come (next_calls.h).
void AcceptPublish(RpcContext& context);
void AcceptHistory(RpcContext& context);

}  // namespace channel
