// PublishStream: pipelined publications, answered in order.
#pragma once

#include "channel_service/rpc/context.h"

namespace channel {

// Makes a call that waits for the first client; each call that a client has made makes the next.
void AcceptPublishStream(RpcContext& context);

}  // namespace channel
