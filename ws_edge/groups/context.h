// Shared by all groups of an edge; owned by the group table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "channel_service/base/clock.h"
#include "ws_edge/groups/participant.h"
#include "ws_edge/groups/recent_budget.h"
#include "ws_edge/groups/send_budget.h"
#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/upstream/link.h"

namespace edge {

class Group;

struct GroupsContext {
  const EdgeLimits& limits;
  EdgeMetrics& metrics;
  const channel::Clock& clock;
  Link& link;

  Participants participants = {};

  // Commands of enveloped clients that were answered since the table looked last.
  struct Answered {
    uint64_t client_id;
    std::string group_id;
    uint64_t number = 0;       // of its GroupCommands::Entry; 0: of the first one
    FramePtr frame = nullptr;  // to be given in its turn; null: it was given
  };
  std::vector<Answered> answered = {};
  // Groups that may have become confirmed, or got requests, since the table looked last.
  absl::flat_hash_set<Group*> changed = {};

  SendBudget send_budget{limits};

  // The recent publications of all groups; bounded by recent_bytes_max.
  RecentBudget recent = {};
};

}  // namespace edge
