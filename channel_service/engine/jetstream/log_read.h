// Reads a group's publications out of the stream: after a position, or the newest ones.
//
// It asks for the group's head, walks from publication to publication up to it, and at the end asks
// what is held now: what was dropped while it read is found out, so that no result has a hole that
// its gap does not name.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "channel_service/engine/engine.h"
#include "channel_service/engine/jetstream/head_query.h"
#include "channel_service/engine/jetstream/log_query.h"

namespace channel {

class LogRead final : public LogQuery {
 public:
  // `head`: what the caller knows of the group; if nothing, it is asked for.
  static void Start(LogQueryContext& context, const ReadRequest& request,
                    std::optional<LogHead> head, SteadyTime until, Engine::ReadDone done);

 private:
  struct Walked {
    uint64_t offset;
    std::string content;  // wire/record.h
  };

  LogRead(LogQueryContext& context, const ReadRequest& request, SteadyTime until,
          Engine::ReadDone done);

  // Is `since` a position of this log? One that is newer than anything that was seen here, and that
  // the leader does not know, is judged by the next publication that is stored: a server that only
  // believes it leads the stream stores none.
  void CheckPosition(std::optional<LogHead> head);
  void JudgePosition(std::optional<LogHead> head);
  void Begin(std::optional<LogHead> head);
  void OnHead(LogHead head);
  void Walk();
  void OnWalked(uint64_t offset, std::string_view content);
  // A replica does not have what the head promises: asks the leader whether that was dropped, or
  // the replica is behind, and waited for.
  void CheckEnd();
  // Asks what was dropped where the walk has been already.
  void CheckStart();
  void AskFirst();
  // `first`: offset of the group's oldest publication that is held now, 0 = none is.
  void OnFirst(uint64_t first);
  // Asks whether publications between `since` and the first one that is held were dropped.
  void FindGap(uint64_t since, uint64_t first);
  // Forgets walked publications before `oldest_held`; 0 = all of them.
  void Drop(uint64_t oldest_held);
  // The gap before all that is held, if `since` is no position of this log.
  GapInfo GapBehindForeign() const;
  void Finish();
  void OnUnavailable() override;

  // The read goes on from a position of this log.
  bool CatchesUp() const { return since_.has_value() && !foreign_; }

  const std::string group_id_;
  const std::string subject_;
  const std::optional<StreamPosition> since_;
  const uint32_t last_;  // 0 if there is `since`
  const size_t count_max_;
  const size_t bytes_max_;
  const SteadyTime started_at_;
  Engine::ReadDone done_;

  LogHead head_ = {};
  bool foreign_ = false;        // `since` is no position of this log
  bool head_dropped_ = false;   // the stream does not hold the head any more
  uint64_t next_ = 1;           // offset to walk on from
  uint64_t before_walked_ = 0;  // offset of the publication before the first one of walked_
  std::deque<Walked> walked_;
  size_t walked_bytes_ = 0;
  ReadResult result_ = {};
};

}  // namespace channel
