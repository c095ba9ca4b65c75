#include "channel_service/rpc/health_calls.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>
#include <spdlog/spdlog.h>

#include <string>

#include "channel_service/base/check.h"
#include "channel_service/base/completion_event.h"
#include "channel_service/rpc/call_peer.h"
#include "channel_service/rpc/status.h"

namespace channel {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// An empty name asks for the whole server.
bool IsKnown(const std::string& service) {
  return service.empty() || service == v1::ChannelService::service_full_name();
}

HealthCheckResponse ServingStatus(const RpcContext& context) {
  HealthCheckResponse response;
  response.set_status(context.draining ? HealthCheckResponse::NOT_SERVING
                                       : HealthCheckResponse::SERVING);
  return response;
}

// One call of Check. It owns itself.
class HealthCheckCall final : public SlicedWork {
 public:
  explicit HealthCheckCall(RpcContext& context) : context_(context) {
    context_.health_service.RequestCheck(&server_context_, &request_, &responder_, &context_.queue,
                                         &context_.queue, &on_accepted_);
  }

 private:
  ~HealthCheckCall() = default;

  void OnAccepted(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    context_.next_calls.Replace(context_, &AcceptHealthCheck);
    peer_.OnAccepted(server_context_);
    peer_.OnMessage(request_.ByteSizeLong());
    context_.slices.Add(peer_.address(), this);
  }

  bool DoSlice() override {
    if (IsKnown(request_.service())) {
      responder_.Finish(ServingStatus(context_), grpc::Status::OK, &on_finished_);
    } else {
      responder_.FinishWithError({grpc::StatusCode::NOT_FOUND, "no such service here"},
                                 &on_finished_);
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
  HealthCheckRequest request_;
  grpc::ServerAsyncResponseWriter<HealthCheckResponse> responder_{&server_context_};
  MemberEvent<HealthCheckCall, &HealthCheckCall::OnAccepted> on_accepted_{this};
  MemberEvent<HealthCheckCall, &HealthCheckCall::OnFinished> on_finished_{this};
};

// One call of Watch: the status when it begins, and NOT_SERVING when the service drains. It
// owns itself, and is destroyed when it was finished and nothing of it is outstanding.
class HealthWatchCall final : public OpenStream {
 public:
  explicit HealthWatchCall(RpcContext& context) : context_(context) {
    server_context_.AsyncNotifyWhenDone(&on_done_);
    context_.health_service.RequestWatch(&server_context_, &request_, &writer_, &context_.queue,
                                         &context_.queue, &on_accepted_);
  }

  void Drain() override {
    if (state_ == State::kServing) ChangeState(State::kDraining, "the service drains");
    GoOn();
  }

 private:
  enum class State {
    kWaiting,    // for a client's call
    kServing,    // the client waits for a change
    kDraining,   // NOT_SERVING is told, or is to be told; then the stream ends
    kFinishing,  // the status was given to gRPC
  };

  ~HealthWatchCall() = default;

  static const char* ToString(State state) {
    switch (state) {
      case State::kWaiting:
        return "waiting";
      case State::kServing:
        return "serving";
      case State::kDraining:
        return "draining";
      case State::kFinishing:
        return "finishing";
    }
    return "?";
  }
  void ChangeState(State to, const char* why) {
    CHANNEL_CHECK(to > state_);
    spdlog::debug("health Watch: {} -> {}: {}", ToString(state_), ToString(to), why);
    state_ = to;
  }

  void OnAccepted(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    context_.next_calls.Replace(context_, &AcceptHealthWatch);
    context_.open_streams.insert(this);
    done_outstanding_ = true;
    peer_.OnAccepted(server_context_);
    peer_.OnMessage(request_.ByteSizeLong());
    if (const absl::Status place = peer_.TakePlace(); !place.ok()) {
      Finish(ToGrpc(place), "no place");
      return;
    }
    ChangeState(context_.draining ? State::kDraining : State::kServing, "called");
    HealthCheckResponse response = ServingStatus(context_);
    if (!IsKnown(request_.service())) response.set_status(HealthCheckResponse::SERVICE_UNKNOWN);
    Write(response);
  }

  void Write(const HealthCheckResponse& response) {
    told_ = response.status();
    writing_ = true;
    writer_.Write(response, &on_written_);
  }

  void Finish(const grpc::Status& status, const char* why) {
    ChangeState(State::kFinishing, why);
    writing_ = true;
    writer_.Finish(status, &on_written_);
  }

  void OnWritten(bool) {
    writing_ = false;
    GoOn();
  }

  void OnDone(bool) {
    done_outstanding_ = false;
    if (state_ != State::kFinishing) peer_.OnCancelled();
    GoOn();
  }

  // Called after each event: takes the next step, if one is due.
  void GoOn() {
    if (writing_) return;
    if (state_ == State::kFinishing) {
      if (done_outstanding_) return;
      context_.open_streams.erase(this);
      delete this;
    } else if (!done_outstanding_) {
      Finish(grpc::Status::CANCELLED, "the client is gone");
    } else if (state_ == State::kDraining) {
      if (told_ == HealthCheckResponse::SERVING) {
        Write(ServingStatus(context_));
      } else {
        Finish(ToGrpc(DrainingError()), "all is told");
      }
    }
  }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  CallPeer peer_{context_};
  grpc::ServerContext server_context_;
  HealthCheckRequest request_;
  grpc::ServerAsyncWriter<HealthCheckResponse> writer_{&server_context_};
  State state_ = State::kWaiting;
  HealthCheckResponse::ServingStatus told_ = HealthCheckResponse::UNKNOWN;
  // Operations that are outstanding in gRPC.
  bool writing_ = false;           // a response, or the status
  bool done_outstanding_ = false;  // OnDone, when the call is over
  MemberEvent<HealthWatchCall, &HealthWatchCall::OnAccepted> on_accepted_{this};
  MemberEvent<HealthWatchCall, &HealthWatchCall::OnWritten> on_written_{this};
  MemberEvent<HealthWatchCall, &HealthWatchCall::OnDone> on_done_{this};
};

}  // namespace

void AcceptHealthCheck(RpcContext& context) { new HealthCheckCall(context); }
void AcceptHealthWatch(RpcContext& context) { new HealthWatchCall(context); }

}  // namespace channel
