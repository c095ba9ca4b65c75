// Where what a request asks for begins, by what is held here and what the channel service told.
//
// A position may be newer than all that this edge knows: the client comes from an edge that is
// ahead, or from another log; then the channel service is to be asked. Whether something is missing
// between a position and the oldest publication that is held, only the channel service can tell:
// a loss at a later position implies one here, no loss at an earlier one implies none here.
#pragma once

#include <cstdint>
#include <optional>

#include "ws_edge/groups/recent_ring.h"
#include "ws_edge/groups/request.h"
#include "ws_edge/upstream/subscription.h"

namespace edge {

// With a reason: not all of it can be given.
struct Start {
  uint64_t position;
  const char* gap_reason = nullptr;
  uint64_t gap_after = 0;  // with a reason
};

class StartFinder {
 public:
  // Both must outlive this.
  StartFinder(const Subscription& subscription, const RecentRing& recent)
      : subscription_(subscription), recent_(recent) {}

  // Nothing: what the request asks for is not here (yet).
  std::optional<Start> Find(const Request& request) const;
  // Only the channel service can tell what the request's position has missed.
  bool IsUndecided(const Request& request) const;
  // The position is of the log that this edge follows, as far as known.
  bool IsOfThisLife(const Request& request) const;
  // The head that an answer tells.
  uint64_t HeadFor(const Request& request, const Start& start) const;

 private:
  std::optional<Start> FindSince(const Request& request) const;

  const Subscription& subscription_;
  const RecentRing& recent_;
};

}  // namespace edge
