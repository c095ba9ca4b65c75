// The parts of the service that every call works with.
#pragma once

#include <grpcpp/completion_queue.h>

#include "absl/container/flat_hash_set.h"
#include "channel/v1/channel.grpc.pb.h"
#include "channel_service/base/log_gate.h"
#include "channel_service/handlers/handler.h"
#include "channel_service/hub/flush_list.h"
#include "channel_service/hub/hub.h"
#include "channel_service/rpc/connection_guard.h"
#include "channel_service/rpc/next_calls.h"
#include "channel_service/rpc/slice_queue.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"

namespace channel {

// All methods are raw: Subscribe's answers are concatenations of records that were serialised once,
// and a request that cannot be parsed is answered in our words (gRPC's own are INTERNAL).
using AsyncService = v1::ChannelService::WithRawMethod_Publish<
    v1::ChannelService::WithRawMethod_PublishStream<v1::ChannelService::WithRawMethod_Subscribe<
        v1::ChannelService::WithRawMethod_History<v1::ChannelService::Service>>>>;

// Raw, so that a long request is refused before it is parsed.
using HealthService = grpc::health::v1::Health::WithRawMethod_Check<
    grpc::health::v1::Health::WithRawMethod_Watch<grpc::health::v1::Health::Service>>;

// Reflection under its two names.
struct ReflectionServices {
  using Current = grpc::reflection::v1::ServerReflection;
  using Alpha = grpc::reflection::v1alpha::ServerReflection;
  Current::WithRawMethod_ServerReflectionInfo<Current::Service> current;
  Alpha::WithRawMethod_ServerReflectionInfo<Alpha::Service> alpha;
};

// Counts the calls that exist: the queue is shut down when the last of them is gone.
class LiveCall {
 public:
  explicit LiveCall(int& count) : count_(count) { ++count_; }
  LiveCall(const LiveCall&) = delete;
  LiveCall& operator=(const LiveCall&) = delete;
  ~LiveCall() { --count_; }

 private:
  int& count_;
};

// A stream that must be told when the service drains.
class OpenStream {
 public:
  // Ends the stream with UNAVAILABLE as soon as what is on its way is written.
  virtual void Drain() = 0;

 protected:
  ~OpenStream() = default;
};

// Owned by the server; loop thread only.
struct RpcContext {
  AsyncService& service;
  HealthService& health_service;
  ReflectionServices& reflection;
  grpc::ServerCompletionQueue& queue;
  HandlerContext handlers;
  Hub& hub;
  FlushList& flush_list;
  HubMetrics& hub_metrics;
  const ConnectionGuard& guard;
  QueueTotal& queue_total;
  SliceQueue& slices;
  NextCalls& next_calls;
  FairShare stream_places = FairShare(kOpenStreamsMax, kOpenStreamsOfOneMax);
  FairShare held_bytes = FairShare(kHeldBytesMax);
  absl::flat_hash_set<OpenStream*> open_streams = {};
  int live_calls = 0;
  LogGate slow_readers_log = LogGate();
  bool accepting = true;  // false: the server is being shut down, ask for no further calls
};

}  // namespace channel
