// Looks whether the stream of the log's name is still the one that was opened, and whether
// JetStream is there. JetStreamApi reports what it finds.
#pragma once

#include "channel_service/engine/jetstream/log_query.h"

namespace channel {

class IdentityCheck final : public LogQuery {
 public:
  static void Start(LogQueryContext& context, SteadyTime until);

 private:
  using LogQuery::LogQuery;
  void OnUnavailable() override {}
};

}  // namespace channel
