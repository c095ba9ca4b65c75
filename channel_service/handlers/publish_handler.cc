#include "channel_service/handlers/publish_handler.h"

#include <utility>

#include "channel_service/handlers/convert.h"
#include "channel_service/handlers/errors.h"
#include "channel_service/handlers/validate.h"

namespace channel {

void PublishHandler::Handle(const Request& request, const Caller& caller, Done done) {
  absl::Status status = context_.draining
                            ? DrainingError()
                            : ValidatePublish(request, /*publisher=*/{}, context_.limits);
  if (!status.ok()) {
    context_.metrics.refused.Increment();
    done(std::move(status));
    return;
  }
  done_ = std::move(done);
  context_.engine.StartPublish(ToPublishInput(request, /*publisher=*/{}, caller.address), this, 0);
}

void PublishHandler::OnPublished(uint64_t, const PublishOutcome& outcome) {
  context_.metrics.Count(outcome.code);
  if (absl::Status status = StatusOf(outcome.code); !status.ok()) {
    done_(std::move(status));
    return;
  }
  v1::PublishResponse response;
  response.mutable_position()->set_epoch(context_.engine.epoch());
  response.mutable_position()->set_offset(outcome.offset);
  response.set_duplicate(outcome.code == PublishCode::kDuplicate);
  done_(response.SerializeAsString());
}

}  // namespace channel
