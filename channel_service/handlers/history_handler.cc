#include "channel_service/handlers/history_handler.h"

#include <utility>

#include "channel_service/handlers/convert.h"
#include "channel_service/handlers/errors.h"
#include "channel_service/handlers/validate.h"

namespace channel {

void HistoryHandler::Handle(const Request& request, const Caller&, Done done) {
  absl::Status status = context_.draining ? DrainingError() : ValidateHistory(request);
  if (!status.ok()) {
    done(std::move(status));
    return;
  }
  context_.engine.StartRead(ToReadRequest(request), [this, &request, done = std::move(done)](
                                                        const ReadResult& result) mutable {
    done(AnswerOf(request, result));
  });
}

absl::StatusOr<std::string> HistoryHandler::AnswerOf(const Request& request,
                                                     const ReadResult& result) const {
  if (!result.available) return StatusOf(PublishCode::kUnavailable);
  // With `last` fewer are given; the contract has no word for it.
  if (result.gap.has_value() && ToPosition(request.since()).has_value()) {
    return GapError(result, request.since(), context_.engine.epoch());
  }
  v1::HistoryResponse rest;
  rest.mutable_position()->set_epoch(context_.engine.epoch());
  rest.mutable_position()->set_offset(result.head);
  rest.set_more(result.more);
  std::string answer = rest.SerializeAsString();
  size_t size = answer.size();
  for (const RecordPtr& record : result.records) size += record->bytes().size();
  answer.reserve(size);
  for (const RecordPtr& record : result.records) {
    AppendPublication(*record, v1::HistoryResponse::kPublicationsFieldNumber, &answer);
  }
  return answer;
}

}  // namespace channel
