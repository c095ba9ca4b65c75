// A query of the log: questions to the stream that are repeated until it has answered them, or the
// query's time is over.
//
// A query is kept alive by the callbacks and retries that wait for it; loop thread only. An answer
// that knows less than the query does already is not believed: replicas may be behind, and a server
// that led the stream before a partition believes for 10 to 20 s that it still does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "channel_service/base/clock.h"
#include "channel_service/engine/jetstream/jetstream_api.h"
#include "channel_service/engine/jetstream/log_stream.h"

namespace channel {

// The parts that all queries of a log use. The LogReader owns them; they outlive every query.
struct LogQueryContext {
  JetStreamApi& api;
  const Clock& clock;
  const std::string stream;
  const LogStream log;

  // The newest offset that was seen anywhere.
  uint64_t newest = 0;
  void Saw(uint64_t offset) {
    if (offset > newest) newest = offset;
  }
  // The publication that was stored last, and when it was sent to NATS: whatever had been
  // acknowledged at that time has a lower offset.
  struct {
    SteadyTime sent_at = {};
    uint64_t offset = 0;
  } stored = {};

  bool stopped = false;
  std::vector<absl::AnyInvocable<void()>> retries = {};  // for the next tick
};

class LogQuery : public std::enable_shared_from_this<LogQuery> {
 public:
  LogQuery(const LogQuery&) = delete;
  LogQuery& operator=(const LogQuery&) = delete;
  virtual ~LogQuery() = default;

 protected:
  LogQuery(LogQueryContext& context, SteadyTime until) : context_(context), until_(until) {}

  LogQueryContext& context() const { return context_; }
  SteadyTime until() const { return until_; }
  bool HasTime() const { return !context_.stopped && context_.clock.Now() < until_; }

  // Runs `step` at the next tick; OnUnavailable instead if the query's time is over.
  void Retry(absl::AnyInvocable<void()> step);

  // JetStreamApi::GetStreamInfo, until a server answers whose last sequence is not below
  // `known_offset`.
  void AskInfo(const std::string& subject, uint64_t known_offset,
               absl::AnyInvocable<void(const StreamInfo&)> done);

 private:
  // NATS has not answered in time. Called once, as the last of the query.
  virtual void OnUnavailable() = 0;

  LogQueryContext& context_;
  const SteadyTime until_;
};

}  // namespace channel
