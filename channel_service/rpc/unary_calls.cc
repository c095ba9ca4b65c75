#include "channel_service/rpc/unary_calls.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "channel_service/rpc/completion_loop.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/status.h"
#include "channel_service/rpc/validate.h"
#include "channel_service/wire/byte_buffer.h"
#include "channel_service/wire/record.h"

namespace channel {
namespace {

// One call of Publish. Owns itself: destroyed when its answer was sent or its server stopped.
class PublishCall final : public PublishWaiter {
 public:
  explicit PublishCall(RpcContext& context) : context_(context) {
    context_.service.RequestPublish(&server_context_, &request_buffer_, &responder_,
                                    &context_.queue, &context_.queue, &on_accepted_);
  }

  void OnPublished(uint64_t, const PublishOutcome& outcome) override {
    context_.metrics.Count(outcome.code);
    const absl::Status status = StatusOf(outcome.code);
    v1::PublishResponse response;
    if (status.ok()) {
      response.mutable_position()->set_epoch(context_.engine.epoch());
      response.mutable_position()->set_offset(outcome.offset);
      response.set_duplicate(outcome.code == PublishCode::kDuplicate);
    }
    responder_.Finish(ToByteBuffer(response.SerializeAsString()), ToGrpc(status), &on_finished_);
  }

 private:
  ~PublishCall() = default;

  void OnAccepted(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    if (context_.accepting) AcceptPublish(context_);
    absl::Status status =
        context_.draining ? DrainingError() : ParseRequest(&request_buffer_, &request_);
    if (status.ok()) status = ValidatePublish(request_, /*publisher=*/{}, context_.limits);
    if (status.ok()) {
      context_.engine.StartPublish(ToPublishInput(request_, /*publisher=*/{}), this, 0);
      return;
    }
    context_.metrics.refused.Increment();
    responder_.FinishWithError(ToGrpc(status), &on_finished_);
  }

  void OnFinished(bool) { delete this; }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  grpc::ServerContext server_context_;
  grpc::ByteBuffer request_buffer_;
  v1::PublishRequest request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_{&server_context_};
  MemberEvent<PublishCall, &PublishCall::OnAccepted> on_accepted_{this};
  MemberEvent<PublishCall, &PublishCall::OnFinished> on_finished_{this};
};

// One call of History. Owns itself.
class HistoryCall {
 public:
  explicit HistoryCall(RpcContext& context) : context_(context) {
    context_.service.RequestHistory(&server_context_, &request_buffer_, &responder_,
                                    &context_.queue, &context_.queue, &on_accepted_);
  }

 private:
  ~HistoryCall() = default;

  void OnAccepted(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    if (context_.accepting) AcceptHistory(context_);
    absl::Status status =
        context_.draining ? DrainingError() : ParseRequest(&request_buffer_, &request_);
    if (status.ok()) status = ValidateHistory(request_);
    if (!status.ok()) {
      responder_.FinishWithError(ToGrpc(status), &on_finished_);
      return;
    }
    ReadRequest read{.group_id = request_.group_id(), .since = ToPosition(request_.since())};
    const uint32_t wanted = request_.limit() == 0 ? kHistoryReplyCountDefault : request_.limit();
    read.count_max = std::min(wanted, kHistoryReplyCountMax);
    read.last = request_.last();
    if (request_.last() != 0 && request_.limit() == 0) read.count_max = read.last;
    read.bytes_max = kHistoryReplyBytesMax;
    context_.engine.StartRead(read, [this](const ReadResult& result) { OnRead(result); });
  }

  void OnRead(const ReadResult& result) {
    absl::Status status = absl::OkStatus();
    if (!result.available) status = StatusOf(PublishCode::kUnavailable);
    if (result.gap.has_value()) status = GapError(result);
    v1::HistoryResponse response;
    for (const RecordPtr& record : result.records) {
      *response.add_publications() = ParseRecord(*record);
    }
    response.mutable_position()->set_epoch(context_.engine.epoch());
    response.mutable_position()->set_offset(result.head);
    response.set_more(result.more);
    responder_.Finish(ToByteBuffer(response.SerializeAsString()), ToGrpc(status), &on_finished_);
  }

  absl::Status GapError(const ReadResult& result) const {
    const std::string& epoch = context_.engine.epoch();
    switch (result.gap->reason) {
      case GapReason::kRetention:
        return absl::OutOfRangeError(
            fmt::format("publications after since are no longer held; those that are begin at "
                        "offset {} or later",
                        result.gap->before));
      case GapReason::kEpoch:
        return absl::OutOfRangeError(
            fmt::format("since is of another epoch; the current one is {}", epoch));
      case GapReason::kPosition:
        return absl::OutOfRangeError(
            fmt::format("since has offset {}, which epoch {} has not reached: its newest is {}; "
                        "this log never gave that position",
                        request_.since().offset(), epoch, result.newest));
    }
    return absl::InternalError("unknown gap reason");
  }

  void OnFinished(bool) { delete this; }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  grpc::ServerContext server_context_;
  grpc::ByteBuffer request_buffer_;
  v1::HistoryRequest request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_{&server_context_};
  MemberEvent<HistoryCall, &HistoryCall::OnAccepted> on_accepted_{this};
  MemberEvent<HistoryCall, &HistoryCall::OnFinished> on_finished_{this};
};

}  // namespace

void AcceptPublish(RpcContext& context) { new PublishCall(context); }
void AcceptHistory(RpcContext& context) { new HistoryCall(context); }

}  // namespace channel
