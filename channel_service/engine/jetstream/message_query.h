// Gets one publication's content from the stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "channel_service/engine/jetstream/log_query.h"

namespace channel {

class MessageQuery final : public LogQuery {
 public:
  struct Result {
    bool available = false;  // false: NATS has not answered in time
    // The publication's content (wire/record.h); nothing if the stream holds none at the offset.
    std::optional<std::string> content = std::nullopt;
  };
  using Done = absl::AnyInvocable<void(Result)>;

  // `offset`: of a publication that is stored, or was.
  static void Start(LogQueryContext& context, uint64_t offset, SteadyTime until, Done done);

 private:
  MessageQuery(LogQueryContext& context, uint64_t offset, SteadyTime until, Done done);

  void Ask();
  void OnUnavailable() override { done_({}); }

  const uint64_t offset_;
  Done done_;
};

}  // namespace channel
