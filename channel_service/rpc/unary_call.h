// A unary call of the service, from the client's call to the answer. What it answers is its
// handler's part (handlers/handler.h).
//
// A call owns itself: it is destroyed when its answer was sent or the server has stopped. It waits
// for its turn: so an address that calls as fast as it is answered, over however many connections,
// gets its part of the loop and no more. Loop thread only.
//
// A Method has a Handler; Ask(context, server_context, request, responder, tag), which asks gRPC
// for a call; RequestBytesMax(context); and kAnswerBytesMax: what its answer may take, if that is
// more than a little.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>

#include <optional>
#include <string>
#include <utility>

#include "channel_service/base/completion_event.h"
#include "channel_service/rpc/call_peer.h"
#include "channel_service/rpc/context.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/status.h"
#include "channel_service/wire/byte_buffer.h"

namespace channel {

using UnaryResponder = grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>;

template <typename Method>
class UnaryCall final : public SlicedWork {
 public:
  // Asks for a call: an AcceptCall.
  static void Accept(RpcContext& context) { new UnaryCall(context); }

 private:
  explicit UnaryCall(RpcContext& context) : context_(context), handler_(context.handlers) {
    Method::Ask(context_, &server_context_, &bytes_, &responder_, &on_accepted_);
  }
  ~UnaryCall() = default;

  void OnAccepted(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    context_.next_calls.Replace(context_, &Accept);
    peer_.OnAccepted(server_context_);
    const size_t size = bytes_.Length();
    const size_t size_max = Method::RequestBytesMax(context_);
    peer_.OnMessage(size);
    absl::Status status = size > size_max ? TooLongError("the request", size, size_max)
                                          : HoldAlso(kHeldBytesPerCall + size);
    if (status.ok()) {
      context_.slices.Add(peer_.address(), this);
    } else {
      Refuse(std::move(status));
    }
  }

  bool DoSlice() override {
    if (peer_.gone()) {
      OnAnswer(peer_.GoneError());
    } else if (absl::Status held = HoldAlso(Method::kAnswerBytesMax); !held.ok()) {
      Refuse(std::move(held));
    } else if (absl::Status parsed = ParseRequest(&bytes_, &request_.emplace()); !parsed.ok()) {
      OnAnswer(std::move(parsed));
    } else {
      bytes_.Clear();
      handler_.Handle(*request_, {.address = peer_.address()},
                      [this](absl::StatusOr<std::string> answer) { OnAnswer(std::move(answer)); });
    }
    return false;
  }

  void Refuse(absl::Status status) {
    peer_.OnWasted();
    OnAnswer(std::move(status));
  }

  absl::Status HoldAlso(size_t bytes) {
    absl::Status status = peer_.Hold(bytes);
    if (status.ok()) held_ += bytes;
    return status;
  }

  // Gives back what was held for the request and the longest answer; gRPC has this one until the
  // client reads it.
  void OnAnswer(absl::StatusOr<std::string> answer) {
    bytes_.Clear();
    request_.reset();
    absl::Status status = answer.status();
    const size_t size = status.ok() ? answer->size() : 0;
    // A short one is part of kHeldBytesPerCall: what was published is not refused afterwards.
    const size_t keep = kHeldBytesPerCall + (size > kHeldBytesPerAnswer ? size : 0);
    if (held_ > keep) {
      peer_.Release(held_ - keep);
    } else if (held_ > 0) {
      status.Update(HoldAlso(keep - held_));
    }
    if (status.ok()) {
      responder_.Finish(ToByteBuffer(*std::move(answer)), grpc::Status::OK, &on_finished_);
    } else {
      responder_.FinishWithError(ToGrpc(status), &on_finished_);
    }
  }

  void OnFinished(bool ok) {
    if (!ok) peer_.OnWasted();
    delete this;
  }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  CallPeer peer_{context_};
  grpc::ServerContext server_context_;
  grpc::ByteBuffer bytes_;
  std::optional<typename Method::Handler::Request> request_;
  typename Method::Handler handler_;
  size_t held_ = 0;  // by the peer
  UnaryResponder responder_{&server_context_};
  MemberEvent<UnaryCall, &UnaryCall::OnAccepted> on_accepted_{this};
  MemberEvent<UnaryCall, &UnaryCall::OnFinished> on_finished_{this};
};

}  // namespace channel
