#include "channel_service/rpc/health_calls.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>

#include <string>

#include "channel_service/rpc/completion_loop.h"
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

// One call of Check. Owns itself.
class HealthCheckCall {
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
    if (context_.accepting) AcceptHealthCheck(context_);
    if (IsKnown(request_.service())) {
      responder_.Finish(ServingStatus(context_), grpc::Status::OK, &on_finished_);
    } else {
      responder_.FinishWithError({grpc::StatusCode::NOT_FOUND, "no such service here"},
                                 &on_finished_);
    }
  }

  void OnFinished(bool) { delete this; }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  grpc::ServerContext server_context_;
  HealthCheckRequest request_;
  grpc::ServerAsyncResponseWriter<HealthCheckResponse> responder_{&server_context_};
  MemberEvent<HealthCheckCall, &HealthCheckCall::OnAccepted> on_accepted_{this};
  MemberEvent<HealthCheckCall, &HealthCheckCall::OnFinished> on_finished_{this};
};

// One call of Watch: the status when it begins, and NOT_SERVING when the service drains. Owns
// itself: destroyed when it was finished and nothing of it is outstanding.
class HealthWatchCall final : public OpenStream {
 public:
  explicit HealthWatchCall(RpcContext& context) : context_(context) {
    server_context_.AsyncNotifyWhenDone(&on_done_);
    context_.health_service.RequestWatch(&server_context_, &request_, &writer_, &context_.queue,
                                         &context_.queue, &on_accepted_);
  }

  void Drain() override {
    drained_ = true;
    GoOn();
  }

 private:
  ~HealthWatchCall() = default;

  void OnAccepted(bool ok) {
    if (!ok) {
      delete this;
      return;
    }
    if (context_.accepting) AcceptHealthWatch(context_);
    context_.open_streams.insert(this);
    done_outstanding_ = true;
    if (context_.open_streams.size() > kOpenStreamsMax) {
      Finish(ToGrpc(TooManyStreamsError()));
      return;
    }
    HealthCheckResponse response = ServingStatus(context_);
    if (!IsKnown(request_.service())) response.set_status(HealthCheckResponse::SERVICE_UNKNOWN);
    drained_ = context_.draining;
    Write(response);
  }

  void Write(const HealthCheckResponse& response) {
    told_ = response.status();
    outstanding_ = true;
    writer_.Write(response, &on_written_);
  }

  void Finish(const grpc::Status& status) {
    finish_started_ = outstanding_ = true;
    writer_.Finish(status, &on_written_);
  }

  void OnWritten(bool) {
    outstanding_ = false;
    GoOn();
  }

  void OnDone(bool) {
    done_outstanding_ = false;
    GoOn();
  }

  // After anything has happened: the next step, if one is due.
  void GoOn() {
    if (outstanding_) return;
    if (finish_started_) {
      if (done_outstanding_) return;
      context_.open_streams.erase(this);
      delete this;
    } else if (!done_outstanding_) {
      Finish(grpc::Status::CANCELLED);  // the client is gone
    } else if (drained_ && told_ == HealthCheckResponse::SERVING) {
      Write(ServingStatus(context_));
    } else if (drained_) {
      Finish(ToGrpc(DrainingError()));
    }
  }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  grpc::ServerContext server_context_;
  HealthCheckRequest request_;
  grpc::ServerAsyncWriter<HealthCheckResponse> writer_{&server_context_};
  HealthCheckResponse::ServingStatus told_ = HealthCheckResponse::UNKNOWN;
  bool drained_ = false;
  bool outstanding_ = false;  // a write or the finish
  bool done_outstanding_ = false;
  bool finish_started_ = false;
  MemberEvent<HealthWatchCall, &HealthWatchCall::OnAccepted> on_accepted_{this};
  MemberEvent<HealthWatchCall, &HealthWatchCall::OnWritten> on_written_{this};
  MemberEvent<HealthWatchCall, &HealthWatchCall::OnDone> on_done_{this};
};

}  // namespace

void AcceptHealthCheck(RpcContext& context) { new HealthCheckCall(context); }
void AcceptHealthWatch(RpcContext& context) { new HealthWatchCall(context); }

}  // namespace channel
