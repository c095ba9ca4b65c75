// Subscribe: the way from the hub to one client.
#pragma once

#include "channel_service/rpc/context.h"

namespace channel {

// Waits for the first call of the method; each call that arrives asks for the next one.
void AcceptSubscribe(RpcContext& context);

}  // namespace channel
