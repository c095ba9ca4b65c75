#include "channel_service/rpc/health_calls.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <spdlog/spdlog.h>

#include <string>

#include "channel_service/base/check.h"
#include "channel_service/base/completion_event.h"
#include "channel_service/handlers/errors.h"
#include "channel_service/rpc/call_peer.h"
#include "channel_service/rpc/status.h"
#include "channel_service/rpc/unary_call.h"

namespace channel {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// An empty name asks for the whole server.
bool IsKnown(const std::string& service) {
  return service.empty() || service == v1::ChannelService::service_full_name();
}

HealthCheckResponse ServingStatus(const HandlerContext& context) {
  HealthCheckResponse response;
  response.set_status(context.draining ? HealthCheckResponse::NOT_SERVING
                                       : HealthCheckResponse::SERVING);
  return response;
}

class HealthCheckHandler {
 public:
  using Request = HealthCheckRequest;

  explicit HealthCheckHandler(HandlerContext& context) : context_(context) {}

  void Handle(const Request& request, const Caller&, Done done) {
    if (IsKnown(request.service())) {
      done(ServingStatus(context_).SerializeAsString());
    } else {
      done(absl::NotFoundError("no such service here"));
    }
  }

 private:
  HandlerContext& context_;
};

struct HealthCheckMethod {
  using Handler = HealthCheckHandler;
  static constexpr size_t kAnswerBytesMax = 0;
  static size_t RequestBytesMax(const RpcContext&) { return kRequestBytesMax; }
  static void Ask(RpcContext& context, grpc::ServerContext* call, grpc::ByteBuffer* request,
                  UnaryResponder* responder, void* tag) {
    context.health_service.RequestCheck(call, request, responder, &context.queue, &context.queue,
                                        tag);
  }
};

// One call of Watch: the status when it begins, and NOT_SERVING when the service drains. It
// owns itself, and is destroyed when it was finished and nothing of it is outstanding.
class HealthWatchCall final : public OpenStream {
 public:
  explicit HealthWatchCall(RpcContext& context) : context_(context) {
    server_context_.AsyncNotifyWhenDone(&on_done_);
    context_.health_service.RequestWatch(&server_context_, &bytes_, &writer_, &context_.queue,
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
    peer_.OnMessage(bytes_.Length());
    HealthCheckRequest request;
    absl::Status status = peer_.TakePlace();
    if (status.ok() && bytes_.Length() > kRequestBytesMax) {
      status = TooLongError("the request", bytes_.Length(), kRequestBytesMax);
    }
    if (status.ok()) status = ParseRequest(&bytes_, &request);
    bytes_.Clear();
    if (!status.ok()) {
      Finish(ToGrpc(status), "refused");
      return;
    }
    ChangeState(context_.handlers.draining ? State::kDraining : State::kServing, "called");
    HealthCheckResponse response = ServingStatus(context_.handlers);
    if (!IsKnown(request.service())) response.set_status(HealthCheckResponse::SERVICE_UNKNOWN);
    Write(response);
  }

  void Write(const HealthCheckResponse& response) {
    told_ = response.status();
    writing_ = true;
    writer_.Write(ToByteBuffer(response.SerializeAsString()), &on_written_);
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
    if (state_ != State::kFinishing) peer_.OnWasted();
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
        Write(ServingStatus(context_.handlers));
      } else {
        Finish(ToGrpc(DrainingError()), "all is told");
      }
    }
  }

  RpcContext& context_;
  const LiveCall live_{context_.live_calls};
  CallPeer peer_{context_};
  grpc::ServerContext server_context_;
  grpc::ByteBuffer bytes_;  // of the request
  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_{&server_context_};
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

void AcceptHealthCheck(RpcContext& context) { UnaryCall<HealthCheckMethod>::Accept(context); }
void AcceptHealthWatch(RpcContext& context) { new HealthWatchCall(context); }

}  // namespace channel
