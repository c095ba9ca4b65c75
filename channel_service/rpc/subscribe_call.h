// Subscribe: the way from the hub to one client.
#pragma once

#include "channel_service/rpc/context.h"

namespace channel {

// Makes a call that waits for a client, and is replaced when one has come (next_calls.h).
void AcceptSubscribe(RpcContext& context);

}  // namespace channel
