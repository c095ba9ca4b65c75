// ChannelService.Publish.
#pragma once

#include <cstdint>

#include "channel/v1/channel.pb.h"
#include "channel_service/handlers/handler.h"

namespace channel {

class PublishHandler final : public PublishWaiter {
 public:
  using Request = v1::PublishRequest;

  explicit PublishHandler(HandlerContext& context) : context_(context) {}
  PublishHandler(const PublishHandler&) = delete;
  PublishHandler& operator=(const PublishHandler&) = delete;
  ~PublishHandler() = default;

  void Handle(const Request& request, const Caller& caller, Done done);

  void OnPublished(uint64_t ticket, const PublishOutcome& outcome) override;

 private:
  HandlerContext& context_;
  Done done_;
};

}  // namespace channel
