// Publish and History: one request, one answer.
#pragma once

#include "channel_service/rpc/context.h"

namespace channel {

// Waits for the first call of the method; each call that arrives asks for the next one.
void AcceptPublish(RpcContext& context);
void AcceptHistory(RpcContext& context);

}  // namespace channel
