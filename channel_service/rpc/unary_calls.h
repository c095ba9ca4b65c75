// Publish and History: one request, one answer.
#pragma once

#include "channel_service/rpc/context.h"

namespace channel {

// Makes a call that waits for the first client; each call that a client has made makes the next.
void AcceptPublish(RpcContext& context);
void AcceptHistory(RpcContext& context);

}  // namespace channel
