// ChannelService.History.
#pragma once

#include <string>

#include "channel/v1/channel.pb.h"
#include "channel_service/handlers/handler.h"

namespace channel {

class HistoryHandler {
 public:
  using Request = v1::HistoryRequest;

  explicit HistoryHandler(HandlerContext& context) : context_(context) {}
  HistoryHandler(const HistoryHandler&) = delete;
  HistoryHandler& operator=(const HistoryHandler&) = delete;
  ~HistoryHandler() = default;

  void Handle(const Request& request, const Caller& caller, Done done);

 private:
  absl::StatusOr<std::string> AnswerOf(const Request& request, const ReadResult& result) const;

  HandlerContext& context_;
};

}  // namespace channel
