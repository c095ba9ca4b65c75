#include "channel_service/server.h"

#include <grpc/compression.h>
#include <grpcpp/server_builder.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <ctime>
#include <functional>
#include <future>
#include <utility>

#include "channel_service/base/address.h"
#include "channel_service/base/check.h"
#include "channel_service/base/grpc_deadline.h"
#include "channel_service/rpc/health_calls.h"
#include "channel_service/rpc/publish_stream_call.h"
#include "channel_service/rpc/reflection_calls.h"
#include "channel_service/rpc/subscribe_call.h"
#include "channel_service/rpc/unary_calls.h"

namespace channel {
namespace {

constexpr std::chrono::seconds kBeatAgeMax{5};
constexpr int kReadChunkBytesMax = 32 << 10;
constexpr int kStreamWindowBytes = 512 << 10;

// Client and service both set keepalive: without it a half-open connection is never noticed (now it
// is within 14 s), and with the client's alone the service sends it away with too_many_pings
// (measured with gRPC 1.51).
void SetConnectionOptions(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 4'000);
  // gRPC polls for a blocking client with an idle stream each 5 s only: less would cut it off.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnectionMax);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  // How much of a stream gRPC takes before its call reads it, beside the message that it waits for:
  // the guard counts these bytes (rpc/guard_rules.h). By default gRPC guesses it, without a bound.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kStreamWindowBytes);
  // gRPC handles at once all that it reads at once, and no cut ends that: 4 MiB by default, which
  // may be 150,000 calls that are reset (32 KiB: 1,200).
  builder.AddChannelArgument(GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, kReadChunkBytesMax);
}

// A message that is compressed is refused with UNIMPLEMENTED before it is unpacked: gRPC holds a
// message to the size limit only afterwards (522 KB of gzip took 544 MiB of memory).
void RefuseCompression(grpc::ServerBuilder& builder) {
  for (int algorithm = GRPC_COMPRESS_NONE + 1; algorithm < GRPC_COMPRESS_ALGORITHMS_COUNT;
       ++algorithm) {
    builder.SetCompressionAlgorithmSupportStatus(static_cast<grpc_compression_algorithm>(algorithm),
                                                 false);
  }
}

// `thread` runs the loop.
std::function<LoopPlace()> PlaceOfLoop(const CompletionLoop& loop, std::thread& thread) {
  clockid_t clock{};
  CHANNEL_CHECK(::pthread_getcpuclockid(thread.native_handle(), &clock) == 0);
  return [&loop, clock] {
    timespec cpu{};
    ::clock_gettime(clock, &cpu);
    return LoopPlace{loop.polls(),
                     std::chrono::seconds(cpu.tv_sec) + std::chrono::nanoseconds(cpu.tv_nsec)};
  };
}

}  // namespace

ChannelServer::ChannelServer(const ServiceLimits& limits, prometheus::Registry& registry,
                             std::unique_ptr<Engine> engine)
    : limits_(limits),
      engine_(std::move(engine)),
      hub_metrics_(registry),
      publish_metrics_(registry),
      groups_gauge_(AddGauge(registry, "channel_service_groups", "Groups in memory")),
      history_gauge_(
          AddGauge(registry, "channel_service_history_bytes",
                   "Memory of the history held for all groups, and with the memory engine of the "
                   "groups")),
      dedup_window_gauge_(AddGauge(registry, "channel_service_dedup_window_seconds",
                                   "How long idempotency keys are known: --dedup_window, or less "
                                   "while --dedup_bytes_max is too little for them")),
      guard_(registry, ConnectionsMax(), limits.message_bytes_max),
      acceptor_(AddCounter(registry, "channel_service_accept_refused_total",
                           "Connections closed at once: no file descriptors, or their address has "
                           "its share, or misbehaved"),
                guard_),
      hub_(*engine_, hub_metrics_),
      queue_total_(kFullQueuesMax * limits.subscriber_queue_bytes_max) {
  SetGauges();
}

ChannelServer::~ChannelServer() {
  if (ready_) Stop(std::chrono::milliseconds(0));
}

absl::StatusOr<std::string> ChannelServer::Listen(const ListenAddresses& addresses) {
  if (absl::Status status = acceptor_.Open(); !status.ok()) return status;
  std::string bound;
  for (const auto& endpoint : addresses.tcp) {
    const auto address = acceptor_.Listen(endpoint);
    if (!address.ok()) return address.status();
    bound += (bound.empty() ? "" : ",") + ToString(*address);
  }
  for (const std::string& path : addresses.unix_paths) {
    if (absl::Status status = acceptor_.ListenUnix(path); !status.ok()) return status;
    bound += (bound.empty() ? "unix:" : ",unix:") + path;
  }
  return bound;
}

absl::StatusOr<std::string> ChannelServer::Start(const ListenAddresses& addresses) {
  absl::StatusOr<std::string> bound = Listen(addresses);
  if (!bound.ok()) return bound;
  if (absl::Status status = guard_.Open(); !status.ok()) return status;

  grpc::ServerBuilder builder;
  SetConnectionOptions(builder);
  RefuseCompression(builder);
  builder.SetMaxReceiveMessageSize(static_cast<int>(kGrpcMessageBytesMax));
  builder.RegisterService(&service_);
  builder.RegisterService(&health_service_);
  builder.RegisterService(&reflection_.current);
  builder.RegisterService(&reflection_.alpha);
  auto connections = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::UnavailableError("gRPC did not start; see its log above");

  loop_ = std::make_unique<CompletionLoop>(*queue_, [this] { OnTick(); });
  context_ = std::make_unique<RpcContext>(
      RpcContext{service_, health_service_, reflection_, *queue_,
                 HandlerContext{*engine_, limits_, publish_metrics_}, hub_, loop_->flush_list(),
                 hub_metrics_, guard_, queue_total_, loop_->slices(), loop_->next_calls()});
  engine_->Start([this](std::function<void()> task) { loop_->Post(std::move(task)); });
  for (const AcceptCall accept :
       {&AcceptPublish, &AcceptPublishStream, &AcceptSubscribe, &AcceptHistory, &AcceptHealthCheck,
        &AcceptHealthWatch, &AcceptReflection, &AcceptReflectionAlpha}) {
    NextCalls::Begin(*context_, accept);
  }
  thread_ = std::thread([this] { loop_->Run(); });
  watchdog_.emplace(thread_.native_handle(),
                    [this] { return loop_->last_beat().time_since_epoch().count(); });
  guard_.Start(PlaceOfLoop(*loop_, thread_));
  acceptor_.Start(std::move(connections), *loop_);
  ready_ = true;
  return bound;
}

void ChannelServer::Stop(std::chrono::milliseconds drain_time) {
  ready_ = false;
  acceptor_.Stop();
  loop_->PostAndWait([this] {
    context_->handlers.draining = true;
    context_->accepting = false;
    for (OpenStream* stream : context_->open_streams) stream->Drain();
  });
  server_->Shutdown(DeadlineIn(drain_time));
  // Nobody waits any longer for what the engine has not answered by now.
  loop_->Post([this] { engine_->Stop(); });
  // The queue may still hold events of calls, which may still have to finish on it.
  std::promise<void> idle;
  StartWaitIdle(&idle);
  idle.get_future().wait();
  guard_.Stop();
  watchdog_.reset();
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
  SetGauges();
}

void ChannelServer::SetGauges() {
  groups_gauge_.Set(static_cast<double>(engine_->group_count()));
  history_gauge_.Set(static_cast<double>(engine_->history_bytes()));
  dedup_window_gauge_.Set(std::chrono::duration<double>(engine_->dedup_window()).count());
}

}  // namespace channel
