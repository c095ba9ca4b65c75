// A group that is attached to the JetStream engine: what its sink was given, and what is to come.
//
// AttachedGroups owns it; loop thread only. Live publications are believed only as a chain: each
// says which one was stored before it. Where one is missing the group reads what it missed from the
// stream (catches up), and live ones wait. The newest publications are kept for readers that come
// back soon. Bounds: AttachedGroupContext, and ServiceLimits' bounds for history. The sink may
// detach the group while it is given something.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "channel_service/base/clock.h"
#include "channel_service/engine/engine.h"
#include "channel_service/engine/history_budget.h"
#include "channel_service/engine/history_ring.h"
#include "channel_service/engine/jetstream/head_query.h"
#include "channel_service/engine/jetstream/jetstream_metrics.h"
#include "channel_service/engine/jetstream/log_reader.h"
#include "channel_service/engine/jetstream/log_stream.h"
#include "channel_service/engine/jetstream/nats_message.h"
#include "channel_service/limits.h"

namespace channel {

// The parts that all attached groups use. AttachedGroups owns them.
struct AttachedGroupContext {
  // Live publications of all groups that wait until what was missed before them has been read.
  static constexpr size_t kWaitingBytesMax = 64 << 20;

  LogReader& reader;
  const std::string stream;
  const LogStream log;
  const ServiceLimits& limits;
  const Clock& clock;
  JetStreamMetrics& metrics;

  size_t waiting_bytes = 0;                  // of all groups
  HistoryBudget recent = {};                 // what all groups keep
  bool stopped = false;                      // nothing is asked any more
  std::vector<std::string> to_compare = {};  // ids of groups that may have missed something
  std::vector<std::string> behind = {};      // the stream has more than they had seen, one tick ago
};

class AttachedGroup : public std::enable_shared_from_this<AttachedGroup>,
                      public HistoryBudget::Share {
 public:
  AttachedGroup(AttachedGroupContext& context, std::string_view group_id, GroupSink* sink)
      : context_(context), id_(group_id), sink_(sink) {}
  ~AttachedGroup() { DropRecent(); }
  AttachedGroup(const AttachedGroup&) = delete;
  AttachedGroup& operator=(const AttachedGroup&) = delete;

  const std::string& id() const { return id_; }

  // Asks where the group's log ends; what is published after that is given.
  void Start();
  // Gives nothing more. Reads that waited are made from the stream, or, when the engine has
  // stopped, are not available.
  void Detach();
  // Answers the reads that wait.
  void Stop();

  void StartRead(const ReadRequest& request, Engine::ReadDone done);
  void OnLive(NatsMessage message);
  // The group has publications up to `offset`: what is missing is read and given.
  void CatchUp(uint64_t offset);
  // The same, up to the newest offset that came while live publications had to wait.
  void CatchUpWithSeen() { CatchUp(seen_); }
  // Asks the stream for the group's last offset; if something was missed, the group is `behind`.
  void Compare();
  // Drops recent publications that were held since before `oldest_kept`.
  void DropOlderThan(SteadyTime oldest_kept);

 private:
  enum class State {
    kFindingHead,  // its last offset is being asked for; reads and live publications wait
    kFollowing,    // live publications are given
    kCatchingUp,   // what was missed is being read; live publications wait
    kDetached,
  };
  static const char* ToString(State state);
  void ChangeState(State to, const char* why);

  void AskHead();
  void OnHead(std::optional<LogHead> head);
  void OnCaughtUp(uint64_t offset, const ReadResult& result);
  void AnswerWaitingReads(std::optional<LogHead> head);
  void Give(const NatsMessage& message);
  // Gives what waited, or reads it if something before it is still missing.
  void GiveWaiting();
  std::vector<NatsMessage> TakeWaiting();
  void Keep(RecordPtr record);
  void DropRecent();
  // `change` is called with the recent publications; the budget is kept.
  template <typename Change>
  void ChangeRecent(Change change);
  // Returns false if what is asked for is not kept here.
  bool ReadRecent(const ReadRequest& request, ReadResult* result) const;

  AttachedGroupContext& context_;
  const std::string id_;
  GroupSink* const sink_;
  State state_ = State::kFindingHead;
  LogHead head_ = {};  // the group is given up to here; not in kFindingHead
  // The newest publication that receivers know of; what is no publication does not count.
  uint64_t given_ = 0;
  uint64_t seen_ = 0;                 // the newest offset that came while it had to wait
  std::vector<NatsMessage> waiting_;  // live publications
  HistoryRing recent_;                // the newest that were given …
  uint64_t recent_after_ = 0;         // … all after this offset, and after what was dropped
  std::vector<std::pair<ReadRequest, Engine::ReadDone>> waiting_reads_;
};

}  // namespace channel
