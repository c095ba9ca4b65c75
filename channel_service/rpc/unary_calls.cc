#include "channel_service/rpc/unary_calls.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <utility>

#include "channel_service/base/completion_event.h"
#include "channel_service/rpc/call_peer.h"
#include "channel_service/rpc/convert.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/status.h"
#include "channel_service/rpc/validate.h"
#include "channel_service/wire/byte_buffer.h"
#include "channel_service/wire/record.h"

namespace channel {
namespace {

// One call of Publish. It owns itself, and is destroyed when its answer was sent or the server has
// stopped. It waits for its turn, too: so an address that calls as fast as it is answered, over
// however many connections, gets its part of the loop and no more.
class PublishCall final : public PublishWaiter, public SlicedWork {
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
    context_.next_calls.Replace(context_, &AcceptPublish);
    peer_.OnAccepted(server_context_);
    peer_.OnMessage(request_buffer_.Length());
    context_.slices.Add(peer_.address(), this);
  }

  bool DoSlice() override {
    absl::Status status =
        context_.draining ? DrainingError() : ParseRequest(&request_buffer_, &request_);
    request_buffer_.Clear();
    if (status.ok()) status = ValidatePublish(request_, /*publisher=*/{}, context_.limits);
    if (status.ok()) {
      const PublishInput input = ToPublishInput(request_, /*publisher=*/{}, peer_.address());
      context_.engine.StartPublish(input, this, 0);
    } else {
      context_.metrics.refused.Increment();
      responder_.FinishWithError(ToGrpc(status), &on_finished_);
    }
    return false;
  }

  void OnFinished(bool ok) {
    if (!ok) peer_.OnCancelled();
    delete this;
  }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  CallPeer peer_{context_};
  grpc::ServerContext server_context_;
  grpc::ByteBuffer request_buffer_;
  v1::PublishRequest request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_{&server_context_};
  MemberEvent<PublishCall, &PublishCall::OnAccepted> on_accepted_{this};
  MemberEvent<PublishCall, &PublishCall::OnFinished> on_finished_{this};
};

// One call of History. It owns itself. Its read waits for its turn: an answer may have 1 MiB.
class HistoryCall final : public SlicedWork {
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
    context_.next_calls.Replace(context_, &AcceptHistory);
    peer_.OnAccepted(server_context_);
    peer_.OnMessage(request_buffer_.Length());
    context_.slices.Add(peer_.address(), this);
  }

  bool DoSlice() override {
    absl::Status status =
        context_.draining ? DrainingError() : ParseRequest(&request_buffer_, &request_);
    request_buffer_.Clear();
    if (status.ok()) status = ValidateHistory(request_);
    if (status.ok()) {
      context_.engine.StartRead(ToReadRequest(request_),
                                [this](const ReadResult& result) { OnRead(result); });
    } else {
      responder_.FinishWithError(ToGrpc(status), &on_finished_);
    }
    return false;
  }

  void OnRead(const ReadResult& result) {
    absl::Status status = absl::OkStatus();
    if (!result.available) status = StatusOf(PublishCode::kUnavailable);
    // With `last` fewer are given; the contract has no word for it.
    if (result.gap.has_value() && ToPosition(request_.since()).has_value()) {
      status = GapError(result, request_.since(), context_.engine.epoch());
    }
    std::string answer;
    if (status.ok()) answer = AnswerOf(result);
    if (status.ok()) status = peer_.Hold(answer.size());
    responder_.Finish(ToByteBuffer(std::move(answer)), ToGrpc(status), &on_finished_);
  }

  std::string AnswerOf(const ReadResult& result) const {
    v1::HistoryResponse rest;
    rest.mutable_position()->set_epoch(context_.engine.epoch());
    rest.mutable_position()->set_offset(result.head);
    rest.set_more(result.more);
    std::string answer = rest.SerializeAsString();
    for (const RecordPtr& record : result.records) {
      AppendPublication(*record, v1::HistoryResponse::kPublicationsFieldNumber, &answer);
    }
    return answer;
  }

  void OnFinished(bool ok) {
    if (!ok) peer_.OnCancelled();
    delete this;
  }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  CallPeer peer_{context_};
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
