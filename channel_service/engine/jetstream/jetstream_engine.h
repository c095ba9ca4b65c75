// The engine whose log is a JetStream stream of a NATS cluster, for any number of channel_service.
//
// Loop thread only, but for Open, Start and unready_reason. Offsets are the stream's sequences. An
// acknowledged publication is on the disks of a majority of the stream's servers as far as their
// operating systems have written it: it survives the death of every process, not a power cut of
// all servers (NATS does not sync before it acknowledges). Live publications come by subscriptions
// to the groups that are attached here, and to no others (attached_groups.h). Bounds:
// StreamPublisher, NatsConnection, AttachedGroups; the stream's own are in StreamConfig.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "channel_service/base/clock.h"
#include "channel_service/engine/engine.h"
#include "channel_service/engine/jetstream/attached_groups.h"
#include "channel_service/engine/jetstream/jetstream_metrics.h"
#include "channel_service/engine/jetstream/log_reader.h"
#include "channel_service/engine/jetstream/log_stream.h"
#include "channel_service/engine/jetstream/nats_access.h"
#include "channel_service/engine/jetstream/nats_connection.h"
#include "channel_service/engine/jetstream/nats_requests.h"
#include "channel_service/engine/jetstream/readiness_probe.h"
#include "channel_service/engine/jetstream/stream_publisher.h"
#include "channel_service/limits.h"

namespace channel {

struct JetStreamOptions {
  NatsAccess nats;
  std::string node;  // unique over all nodes and starts; letters and digits
  StreamConfig stream;
  // The stream is not the one that was opened: positions of this engine mean nothing any more, and
  // the process has to start anew. Called on the loop, once.
  std::function<void()> on_other_stream = [] {};
};

class JetStreamEngine final : public Engine {
 public:
  // Connects, and opens the stream. Waits, so it must not be called on the loop. UNAVAILABLE: NATS
  // is away. FAILED_PRECONDITION, INVALID_ARGUMENT: NATS, or the options, cannot be used as they
  // are.
  static absl::StatusOr<std::unique_ptr<JetStreamEngine>> Open(JetStreamOptions options,
                                                               const Clock& clock,
                                                               prometheus::Registry& registry,
                                                               const ServiceLimits& limits,
                                                               std::chrono::milliseconds patience);
  ~JetStreamEngine() override;

  const std::string& epoch() const override { return log_.epoch; }
  void Start(const Post& post) override;
  void Stop() override;
  void StartPublish(const PublishInput& input, PublishWaiter* waiter, uint64_t ticket) override;
  void Attach(std::string_view group_id, GroupSink* sink) override;
  void Detach(std::string_view group_id) override;
  void StartRead(const ReadRequest& request, ReadDone done) override;
  // Beside the connection's ticks: what waits is answered in time even if libnats hangs.
  void OnTick() override { OnWake(); }
  const char* acknowledged_in() const override { return "disk"; }
  const char* unready_reason() const override { return probe_.unready_reason(); }
  std::chrono::milliseconds dedup_window() const override { return log_.dedup_window; }
  size_t group_count() const override { return groups_.size(); }
  size_t history_bytes() const override { return groups_.recent_bytes(); }

 private:
  JetStreamEngine(JetStreamOptions options, const ServiceLimits& limits, const Clock& clock,
                  prometheus::Registry& registry, std::unique_ptr<NatsConnection> connection,
                  LogStream log);

  void OnWake();
  void OnMessage(NatsMessage message);
  void OnOtherStream();

  const JetStreamOptions options_;
  const Clock& clock_;
  JetStreamMetrics metrics_;
  std::unique_ptr<NatsConnection> connection_;
  const LogStream log_;
  NatsRequests requests_;
  LogReader reader_;
  AttachedGroups groups_;
  StreamPublisher publisher_;
  ReadinessProbe probe_;
  const std::string leader_subject_;  // NATS tells of a new leader of the stream
  SteadyTime next_tick_ = {};
  bool stopped_ = false;
  bool other_stream_ = false;
};

}  // namespace channel
