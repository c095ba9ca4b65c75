// Reads the log of one group out of its JetStream stream.
//
// Owned by the engine; loop thread only. What a group's last and first offsets are is asked of the
// stream's leader; publications are got one by one from any replica (or the leader, if one is
// silent). Replicas may be behind, and who was the leader before a partition still believes it for
// 10 to 20 s: an answer that is seen to know less than the read does is not believed. A read is
// tried again until kReadPatience is over. What was dropped while it was read is found out at its
// end, so that no result has a hole that its gap does not name.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "channel_service/base/clock.h"
#include "channel_service/engine/engine.h"
#include "channel_service/engine/jetstream/jetstream_api.h"
#include "channel_service/engine/jetstream/log_stream.h"
#include "channel_service/engine/jetstream/nats_requests.h"

namespace channel {

class LogReader {
 public:
  static constexpr std::chrono::seconds kReadPatience{10};

  // `on_other_stream`: the stream is gone, or another one has its name; maybe more than once.
  LogReader(NatsRequests& requests, const Clock& clock, std::string stream, LogStream facts,
            std::function<void()> on_other_stream);

  // The group's last publication that is held, or nothing held (own = false) and the stream's
  // newest offset.
  struct Head {
    bool available = false;  // false: NATS did not answer
    bool own = false;
    uint64_t offset = 0;
  };
  using HeadDone = absl::AnyInvocable<void(Head)>;
  void StartHead(const std::string& group_id, HeadDone done);

  // `head`: what the caller knows, or nothing: it is asked for.
  void StartRead(const ReadRequest& request, std::optional<Head> head, Engine::ReadDone done);

  // One publication's content (wire/record.h) at an offset.
  struct Content {
    bool available = false;  // false: NATS did not answer
    std::optional<std::string> held = std::nullopt;
  };
  using ContentDone = absl::AnyInvocable<void(Content)>;
  // Gets a publication that is or was there; it is not available when `until` is over.
  void StartGet(uint64_t offset, SteadyTime until, ContentDone done);

  // Looks whether the stream is still the one of `facts`, and whether JetStream is there.
  void CheckIdentity();
  // The fault of JetStream, in words for an operator; null if nothing is known to be.
  const char* fault() const { return questions_.fault(); }

  // An offset that was seen anywhere: the newest is `newest` of every result.
  void Saw(uint64_t offset) {
    if (offset > newest_) newest_ = offset;
  }
  uint64_t newest() const { return newest_; }
  // A publication that was sent to NATS at `asked` was stored at `offset`: whatever had been
  // acknowledged at that time has a lower one.
  void Stored(SteadyTime asked, uint64_t offset) { stored_ = {asked, offset}; }

  // Tries again what failed.
  void OnTick();
  // Answers everything that waits with `available` = false.
  void Stop();

 private:
  struct Read;
  using ReadPtr = std::shared_ptr<Read>;
  using Got = JetStreamApi::Got;
  using Info = JetStreamApi::Info;

  ReadPtr NewRead(SteadyTime until) const;
  // Is `since` a position of this stream? One that is newer than anything that was seen here, and
  // that the leader does not know, is judged by the next publication that is stored: an old leader
  // stores none.
  void CheckPosition(const ReadPtr& read);
  void JudgePosition(const ReadPtr& read);
  void Begin(const ReadPtr& read);
  void AskHead(const ReadPtr& read);
  void OnHead(const ReadPtr& read);
  void Walk(const ReadPtr& read);
  // A replica does not have what the head promises: asks the leader whether it was dropped, or the
  // replica is behind, and waited for.
  void CheckEnd(const ReadPtr& read);
  void OnWalked(const ReadPtr& read, uint64_t offset, std::string_view content);
  // Finds out what the walk cannot have seen.
  void CheckStart(const ReadPtr& read);
  void AskFirst(const ReadPtr& read);
  void OnFirst(const ReadPtr& read, uint64_t first);
  void Finish(const ReadPtr& read);
  // As JetStreamApi::GetInfo, until there is an answer that knows the read's head.
  void AskInfo(const ReadPtr& read, const std::string& subject,
               absl::AnyInvocable<void(const Info&)> done);
  void GetAt(const ReadPtr& read, uint64_t offset);
  bool HasTime(const Read& read) const;
  // `step` again at the next tick, or the end of the read if its time is over.
  void Retry(const ReadPtr& read, absl::AnyInvocable<void()> step);

  const Clock& clock_;
  const std::string stream_;
  const LogStream facts_;
  JetStreamApi questions_;
  uint64_t newest_ = 0;
  struct {
    SteadyTime asked = {};
    uint64_t offset = 0;
  } stored_;  // the last that Stored was told
  bool stopped_ = false;
  std::vector<absl::AnyInvocable<void()>> later_;
};

}  // namespace channel
