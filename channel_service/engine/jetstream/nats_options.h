// The options with which libnats connects, and the reasons in words if it cannot.
#pragma once

#include <nats/nats.h>

#include <string>

#include "absl/status/status.h"
#include "channel_service/engine/jetstream/nats_access.h"

namespace channel {

// Sets addresses, secrets, certificates and the times of pings and reconnects. `name` is shown by
// NATS's monitoring. FAILED_PRECONDITION names the flag that libnats does not take.
absl::Status SetNatsOptions(const NatsAccess& access, const std::string& name,
                            natsOptions* options);

// Why natsConnection_Connect gave `status` on this thread just now, and what an operator can do
// about it. Holds no secret.
std::string WhyNotConnected(natsStatus status, const NatsAccess& access);

}  // namespace channel
