// Calls of the gRPC contract as a back end makes them, blocking.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "channel/v1/channel.grpc.pb.h"

namespace channel::probe {

// A connection to the channel service at HOST:PORT, never through a proxy. It is made by the first
// call; UNAVAILABLE says why it could not be.
class Service {
 public:
  explicit Service(const std::string& address);

  absl::StatusOr<v1::PublishResponse> Publish(const v1::PublishRequest& request,
                                              std::chrono::steady_clock::duration patience);

  // Gives each event to `on_event` until it returns false (OK) or the stream ends (why). `patience`
  // bounds the time to the first event; after it the stream may be silent for ever.
  absl::Status Subscribe(const v1::SubscribeRequest& request,
                         std::chrono::steady_clock::duration patience,
                         const std::function<bool(const v1::Event&)>& on_event);

 private:
  std::unique_ptr<v1::ChannelService::Stub> stub_;
};

}  // namespace channel::probe
