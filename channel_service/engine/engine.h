// The engine's contract: it orders publications, keeps a bounded history, and carries them to the
// hub.
//
// Every engine runs on the service's loop thread: all calls and all callbacks happen there, and no
// call blocks. Publishing and reading are asynchronous in form (an engine on a network answers
// later); the memory engine answers before the call returns. tests/contract runs the same suite on
// every engine.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "channel_service/model/publication.h"
#include "channel_service/wire/record.h"

namespace channel {

// The outcome of a publication, as a code.
enum class PublishCode : uint8_t {
  kAccepted,     // in the log at `offset`
  kDuplicate,    // its key or sequence was accepted before, at `offset`; nothing was published
  kKeyConflict,  // its key was used with another body
  kOverloaded,   // a bounded queue is full; may be retried later
  kUnavailable,  // the engine is away; may be retried
};

struct PublishOutcome {
  PublishCode code = PublishCode::kUnavailable;
  uint64_t offset = 0;
};

// Gets the outcomes of its publications, and must stay alive until it has all of them.
class PublishWaiter {
 public:
  virtual void OnPublished(uint64_t ticket, const PublishOutcome& outcome) = 0;

 protected:
  ~PublishWaiter() = default;
};

// Receives the live publications of one attached group.
class GroupSink {
 public:
  virtual void OnPublication(const RecordPtr& record) = 0;

 protected:
  ~GroupSink() = default;
};

// Why a position cannot be continued. kPosition: it is of this epoch, but beyond its newest offset,
// so this log never gave it.
enum class GapReason : uint8_t { kRetention, kEpoch, kPosition };

// Publications with offsets strictly between `after` and `before` cannot be given (Gap in
// proto/channel/v1/channel.proto).
struct GapInfo {
  uint64_t after = 0;
  uint64_t before = 0;
  GapReason reason = GapReason::kRetention;
};

struct ReadRequest {
  std::string_view group_id;
  // Everything after this position is asked for.
  std::optional<StreamPosition> since = std::nullopt;
  // Without `since`: the newest `last` publications are, or all that are held, if it is 0. If it is
  // not, and fewer are given because older ones are not held any more, there is a gap after 0.
  uint32_t last = 0;
  size_t count_max = SIZE_MAX;
  size_t bytes_max = SIZE_MAX;
};

struct ReadResult {
  bool available = true;  // false: the engine is away, nothing else is set
  uint64_t head = 0;  // the group's last offset, or the engine's newest if the group has none known
  uint64_t newest = 0;  // the engine's newest offset: no position is beyond it
  std::optional<GapInfo> gap;
  std::vector<RecordPtr> records;  // oldest first, a whole chain
  bool more = false;               // cut by count_max or bytes_max
};

class Engine {
 public:
  using Post = std::function<void(std::function<void()>)>;
  using ReadDone = absl::AnyInvocable<void(ReadResult)>;

  virtual ~Engine() = default;

  // Before any call below, on any thread: from now on `post` makes the loop run a task soon.
  virtual void Start(const Post& post) { (void)post; }
  // No more is given to sinks; what waits, and what is asked from now on, is answered kUnavailable
  // or not available. Once, before the engine is destroyed.
  virtual void Stop() {}
  // Why publications cannot be accepted now, for an operator; empty if they can. Any thread.
  virtual const char* unready_reason() const { return ""; }

  // Names this life of the log (StreamPosition).
  virtual const std::string& epoch() const = 0;

  // Where an accepted publication is, for `welcome` (proto/websocket.md): "memory" (of this
  // process) or "disk".
  virtual const char* acknowledged_in() const { return "memory"; }

  // Views of `input` are valid during the call only. The waiter gets exactly one outcome for
  // `ticket`. Outcomes of one waiter may come in another order than the calls, except that
  // publications of one group are ordered as called.
  virtual void StartPublish(const PublishInput& input, PublishWaiter* waiter, uint64_t ticket) = 0;

  // From here on the live publications of the group go to `sink`, until Detach. One sink for a
  // group.
  virtual void Attach(std::string_view group_id, GroupSink* sink) = 0;
  virtual void Detach(std::string_view group_id) = 0;

  // Everything up to `ReadResult::head` is in the result or before it; what comes later goes to the
  // sink.
  virtual void StartRead(const ReadRequest& request, ReadDone done) = 0;

  // About once a second: ages out history, keys and idle groups.
  virtual void OnTick() = 0;

  // For metrics. A key that was used within dedup_window() is known.
  virtual std::chrono::milliseconds dedup_window() const = 0;
  virtual size_t group_count() const = 0;
  virtual size_t history_bytes() const = 0;
};

}  // namespace channel
