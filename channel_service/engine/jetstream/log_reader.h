// Reads the log out of its JetStream stream: a group's head, its publications, one publication.
//
// The engine owns it; loop thread only. Each of these is a query of its own (log_query.h), which is
// tried again until it is answered or its time is over: kReadPatience, unless the caller says
// otherwise. A group's last and first offsets are asked of the stream's leader; publications are
// got one by one from any replica (or from the leader, while a replica is silent).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "channel_service/base/clock.h"
#include "channel_service/engine/engine.h"
#include "channel_service/engine/jetstream/head_query.h"
#include "channel_service/engine/jetstream/jetstream_api.h"
#include "channel_service/engine/jetstream/log_query.h"
#include "channel_service/engine/jetstream/log_stream.h"
#include "channel_service/engine/jetstream/message_query.h"
#include "channel_service/engine/jetstream/nats_requests.h"

namespace channel {

class LogReader {
 public:
  static constexpr std::chrono::seconds kReadPatience{10};

  // `on_other_stream`: the stream is gone, or another one has its name; may be called again.
  LogReader(NatsRequests& requests, const Clock& clock, std::string stream, LogStream log,
            std::function<void()> on_other_stream);

  void StartHead(std::string_view group_id, HeadQuery::Done done);

  // `head`: what the caller knows of the group; if nothing, it is asked for.
  void StartRead(const ReadRequest& request, std::optional<LogHead> head, Engine::ReadDone done);

  // Gets a publication that is stored, or was. `until`: the end of this query's time.
  void StartGet(uint64_t offset, SteadyTime until, MessageQuery::Done done);

  // Looks whether the stream is still the one that was opened, and whether JetStream is there.
  void CheckIdentity();
  // Why JetStream refuses, in words for an operator (jetstream_error.h); null if it does not.
  const char* api_error() const { return api_.error(); }

  // An offset that was seen anywhere: the newest is `newest` of every result.
  void Saw(uint64_t offset) { context_.Saw(offset); }
  uint64_t newest() const { return context_.newest; }
  // A publication that was sent to NATS at `sent_at` was stored at `offset`.
  void OnStored(SteadyTime sent_at, uint64_t offset) { context_.stored = {sent_at, offset}; }

  // Repeats what failed.
  void OnTick();
  // Ends all queries, and those that begin from now on, as not available.
  void Stop();

 private:
  SteadyTime PatienceEnd() const { return context_.clock.Now() + kReadPatience; }

  JetStreamApi api_;
  LogQueryContext context_;
};

}  // namespace channel
