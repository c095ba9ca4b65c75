// PublishStream: pipelined publications, answered in order.
#pragma once

#include "channel_service/rpc/context.h"

namespace channel {

// Waits for the first call of the method; each call that arrives asks for the next one.
void AcceptPublishStream(RpcContext& context);

}  // namespace channel
