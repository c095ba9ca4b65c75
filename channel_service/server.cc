#include "channel_service/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include <future>
#include <utility>

#include "channel_service/base/grpc_deadline.h"
#include "channel_service/rpc/health_calls.h"
#include "channel_service/rpc/publish_stream_call.h"
#include "channel_service/rpc/subscribe_call.h"
#include "channel_service/rpc/unary_calls.h"

namespace channel {
namespace {

constexpr std::chrono::seconds kBeatAgeMax{5};

// Client and service both set keepalive: without it a half-open connection is never noticed, and
// with the client's alone the service sends it away with too_many_pings (measured with gRPC 1.51).
void SetConnectionOptions(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  // gRPC polls for a blocking client with an idle stream each 5 s only: less would cut it off.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnectionMax);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
}

}  // namespace

ChannelServer::ChannelServer(const ServiceLimits& limits, prometheus::Registry& registry,
                             std::unique_ptr<Engine> engine)
    : limits_(limits),
      engine_(std::move(engine)),
      hub_metrics_(registry),
      rpc_metrics_(registry),
      groups_gauge_(AddGauge(registry, "channel_service_groups", "Groups in memory")),
      history_gauge_(
          AddGauge(registry, "channel_service_history_bytes", "History held, all groups")),
      acceptor_(AddCounter(registry, "channel_service_accept_refused_total",
                           "Connections closed at once for want of file descriptors")),
      hub_(*engine_, hub_metrics_) {}

ChannelServer::~ChannelServer() {
  if (ready_) Stop(std::chrono::milliseconds(0));
}

absl::StatusOr<ChannelServer::Endpoint> ChannelServer::Start(const Endpoint& endpoint) {
  absl::StatusOr<Endpoint> bound = acceptor_.Listen(endpoint);
  if (!bound.ok()) return bound;

  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetConnectionOptions(builder);
  builder.SetMaxReceiveMessageSize(static_cast<int>(kGrpcMessageBytesMax));
  builder.RegisterService(&service_);
  builder.RegisterService(&health_service_);
  auto connections = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::UnavailableError("gRPC did not start; see its log above");

  loop_ = std::make_unique<CompletionLoop>(*queue_, [this] { OnTick(); });
  context_ = std::make_unique<RpcContext>(RpcContext{service_,
                                                     health_service_,
                                                     *queue_,
                                                     *engine_,
                                                     hub_,
                                                     loop_->flush_list(),
                                                     rpc_metrics_,
                                                     hub_metrics_,
                                                     limits_,
                                                     {}});
  engine_->Start([this](std::function<void()> task) { loop_->Post(std::move(task)); });
  AcceptPublish(*context_);
  AcceptPublishStream(*context_);
  AcceptSubscribe(*context_);
  AcceptHistory(*context_);
  AcceptHealthCheck(*context_);
  AcceptHealthWatch(*context_);
  thread_ = std::thread([this] { loop_->Run(); });
  acceptor_.Start(std::move(connections));
  ready_ = true;
  return bound;
}

void ChannelServer::Stop(std::chrono::milliseconds drain_time) {
  ready_ = false;
  acceptor_.Stop();
  std::promise<void> told;
  loop_->Post([this, &told] {
    context_->draining = true;
    context_->accepting = false;
    for (OpenStream* stream : context_->open_streams) stream->Drain();
    told.set_value();
  });
  told.get_future().wait();
  server_->Shutdown(DeadlineIn(drain_time));
  // Nobody waits any longer for what the engine has not answered by now.
  loop_->Post([this] { engine_->Stop(); });
  // The queue may still hold events of calls, which may still have to finish on it.
  std::promise<void> idle;
  StartWaitIdle(&idle);
  idle.get_future().wait();
  loop_->Close();
  queue_->Shutdown();
  thread_.join();
}

void ChannelServer::StartWaitIdle(std::promise<void>* idle) {
  loop_->Post([this, idle] {
    if (context_->live_calls > 0) {
      StartWaitIdle(idle);
    } else {
      idle->set_value();
    }
  });
}

bool ChannelServer::alive() const {
  return std::chrono::steady_clock::now() - loop_->last_beat() < kBeatAgeMax;
}

void ChannelServer::OnTick() {
  engine_->OnTick();
  groups_gauge_.Set(static_cast<double>(engine_->group_count()));
  history_gauge_.Set(static_cast<double>(engine_->history_bytes()));
}

}  // namespace channel
