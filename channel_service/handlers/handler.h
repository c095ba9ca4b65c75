// The handlers of unary calls. They know no transport.
//
// A handler is made for one call. Its class has a Request (a message of the contract), and
// Handle(request, caller, done), which checks the request and is called once, on the loop thread.
// Handler and request stay alive until `done` was called.
#pragma once

#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "channel_service/base/peer_address.h"
#include "channel_service/engine/engine.h"
#include "channel_service/handlers/metrics.h"
#include "channel_service/limits.h"

namespace channel {

// The client of a call.
struct Caller {
  PeerAddress address = {};  // for shares
};

// Takes the serialised response, or why there is none. Called once, perhaps within Handle.
using Done = absl::AnyInvocable<void(absl::StatusOr<std::string>)>;

// The parts of the service that handlers work with. Owned by the server; loop thread only.
struct HandlerContext {
  Engine& engine;
  const ServiceLimits& limits;
  PublishMetrics& metrics;
  bool draining = false;  // new work is refused with UNAVAILABLE
};

}  // namespace channel
