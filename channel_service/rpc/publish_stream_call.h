// PublishStream: pipelined publications, answered in order.
#pragma once

#include "channel_service/rpc/context.h"

namespace channel {

// Makes a call that waits for a client, and is replaced when one has come (next_calls.h).
void AcceptPublishStream(RpcContext& context);

}  // namespace channel
