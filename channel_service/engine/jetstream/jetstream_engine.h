// The engine whose log is a JetStream stream of a NATS cluster, for any number of channel_service.
//
// Loop thread only, but for Open, Start and unready_reason. Offsets are the stream's sequences. An
// acknowledged publication is on the disks of a majority of the stream's servers as far as their
// operating systems have written it: it survives the death of every process, not a power cut of
// all servers (this NATS does not sync before it answers). Live publications come by subscriptions
// to the groups that are attached here, and to no others. Whatever may have been lost on the way (a
// lost link, another leader, a full queue) is found by asking the stream for the groups' last
// offsets, and read from it; so is each group within kSweepTime in any case.
// A reader that comes back soon is served from the newest publications of attached groups, which
// are kept here within ServiceLimits' bounds for history. Bounds: StreamPublisher, NatsConnection;
// the stream's own are in StreamConfig.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "channel_service/base/clock.h"
#include "channel_service/base/strings.h"
#include "channel_service/engine/engine.h"
#include "channel_service/engine/history_ring.h"
#include "channel_service/engine/jetstream/jetstream_metrics.h"
#include "channel_service/engine/jetstream/log_reader.h"
#include "channel_service/engine/jetstream/log_stream.h"
#include "channel_service/engine/jetstream/nats_access.h"
#include "channel_service/engine/jetstream/nats_connection.h"
#include "channel_service/engine/jetstream/nats_requests.h"
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
  // Connects, and opens the stream. Waits; not on the loop. UNAVAILABLE: NATS is away.
  // FAILED_PRECONDITION, INVALID_ARGUMENT: it cannot be used as it is, or as the options are.
  static absl::StatusOr<std::unique_ptr<JetStreamEngine>> Open(JetStreamOptions options,
                                                               const Clock& clock,
                                                               prometheus::Registry& registry,
                                                               const ServiceLimits& limits,
                                                               std::chrono::milliseconds patience);
  ~JetStreamEngine() override;

  const std::string& epoch() const override { return facts_.epoch; }
  void Start(const Post& post) override;
  void Stop() override;
  void StartPublish(const PublishInput& input, PublishWaiter* waiter, uint64_t ticket) override;
  void Attach(std::string_view group_id, GroupSink* sink) override;
  void Detach(std::string_view group_id) override;
  void StartRead(const ReadRequest& request, ReadDone done) override;
  // Beside the link's ticks: what waits is answered in time even if libnats hangs.
  void OnTick() override { OnWake(); }
  const char* acknowledged_in() const override { return "disk"; }
  const char* unready_reason() const override { return unready_reason_; }
  size_t group_count() const override { return followed_.size(); }
  size_t history_bytes() const override { return recent_bytes_; }  // beside what NATS has

 private:
  static constexpr std::chrono::seconds kSweepTime{60};

  // A group that is attached: what was given to its sink, and what is still to come.
  struct Followed {
    std::string group_id;
    GroupSink* sink;
    uint64_t id;
    // Nothing yet: its last offset is being asked for, and reads wait.
    std::optional<LogReader::Head> head = std::nullopt;
    // The newest publication that receivers know of; what is no publication does not count.
    uint64_t given = 0;
    bool reading = false;  // what was missed; live ones wait
    // The newest of what was given, for those who come back: all after `recent_after`, and after
    // what was dropped again.
    HistoryRing recent = {};
    uint64_t recent_after = 0;
    uint64_t seen = 0;  // the newest offset that came while they had to wait
    std::vector<NatsMessage> waiting = {};
    std::vector<std::pair<ReadRequest, ReadDone>> waiting_reads = {};
  };

  JetStreamEngine(JetStreamOptions options, const ServiceLimits& limits, const Clock& clock,
                  prometheus::Registry& registry, std::unique_ptr<NatsConnection> link,
                  LogStream facts);

  void OnWake();
  void OnLive(NatsMessage message);
  void Keep(Followed* followed, RecordPtr record);
  // Applies `change` to what is kept of a group.
  template <typename Change>
  void ChangeRecent(Followed* followed, Change change);
  // False if what is asked for is not kept here.
  bool ReadRecent(const Followed& followed, const ReadRequest& request, ReadResult* result) const;
  void Give(Followed* followed, const NatsMessage& message);
  void AskHead(Followed* followed);
  void OnHead(const std::string& group_id, uint64_t id, LogReader::Head head);
  std::vector<NatsMessage> TakeWaiting(Followed* followed);
  // Gives what waited, or reads it if something before it is still missing.
  void GiveWaiting(Followed* followed);
  // Reads and gives what follows the group's head, up to `offset` at least.
  void ReadUpTo(Followed* followed, uint64_t offset);
  // Compares with the stream, and reads what is missing.
  void Verify(Followed* followed);
  void VerifyAll();
  void Sweep();
  // Null if it is not attached any more.
  Followed* Find(std::string_view group_id, uint64_t id);

  void OnOtherStream();
  void Probe();
  void OnProbed(bool worked);
  // Logs when it changes. `reason`: a literal, empty = ready.
  void SetUnready(const char* reason);

  const JetStreamOptions options_;
  const ServiceLimits& limits_;
  const Clock& clock_;
  JetStreamMetrics metrics_;
  std::unique_ptr<NatsConnection> link_;
  const LogStream facts_;
  NatsRequests requests_;
  LogReader reader_;
  StreamPublisher lanes_;
  const std::string live_prefix_;
  const std::string leader_subject_;  // NATS tells of a new leader of the stream
  uint64_t last_id_ = 0;
  absl::flat_hash_map<std::string, std::unique_ptr<Followed>, StringHash, StringEq>
      followed_;                        // by group id
  size_t waiting_bytes_ = 0;            // in all of them
  size_t recent_bytes_ = 0;             // of all groups
  std::vector<std::string> to_verify_;  // group ids; the last one is next
  std::vector<std::string> to_sweep_;
  std::vector<std::string> behind_;  // the stream had more than was seen here, one tick ago
  SteadyTime next_sweep_ = {};

  const std::string probe_subject_;
  uint64_t probe_live_ = 0;  // offset of the probe that came back last
  SteadyTime next_probe_ = {};
  SteadyTime next_tick_ = {};
  bool stopped_ = false;
  bool other_stream_ = false;
  bool disturbed_ = false;  // something may have been lost since the last probe that worked
  std::atomic<const char*> unready_reason_ = "the log has not been proven to work yet";
};

}  // namespace channel
