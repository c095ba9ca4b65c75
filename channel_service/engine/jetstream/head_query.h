// Asks the stream for the last publication of a group.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "channel_service/engine/jetstream/log_query.h"

namespace channel {

// Up to where a group's publications are in the log.
struct LogHead {
  // False: the stream holds no publication of the group, and `offset` is the stream's newest.
  bool held = false;
  uint64_t offset = 0;
};

class HeadQuery final : public LogQuery {
 public:
  // Nothing: NATS has not answered in time.
  using Done = absl::AnyInvocable<void(std::optional<LogHead>)>;

  static void Start(LogQueryContext& context, std::string subject, SteadyTime until, Done done);

 private:
  HeadQuery(LogQueryContext& context, std::string subject, SteadyTime until, Done done);

  void AskLast();
  // The leader holds nothing of the group: asks how far the stream has come.
  void AskNewest();
  void OnUnavailable() override { done_(std::nullopt); }

  const std::string subject_;
  Done done_;
};

}  // namespace channel
