// Finds where the publications that a request asks for begin, by those that are held here and by
// what the channel service told.
//
// A position may be newer than all that this edge knows: the client comes from an edge that is
// ahead, or from another log; then the channel service is to be asked. It alone can tell whether
// something is missing between a position and the oldest publication that is held here.
#pragma once

#include <cstdint>
#include <optional>

#include "ws_edge/groups/recent_ring.h"
#include "ws_edge/groups/request.h"
#include "ws_edge/protocol/encode.h"
#include "ws_edge/upstream/subscription.h"

namespace edge {

struct Start {
  // Publications of a request that are not there, from `after` to the start.
  struct Gap {
    GapReason reason;
    uint64_t after;
  };

  uint64_t position;
  std::optional<Gap> gap = std::nullopt;
};

class StartFinder {
 public:
  // Both must outlive this.
  StartFinder(const Subscription& subscription, const RecentRing& recent)
      : subscription_(subscription), recent_(recent) {}

  // Returns nothing if the publications that the request asks for are not here (yet).
  std::optional<Start> Find(const Request& request) const;
  // Returns whether only the channel service can tell what the request's position has missed.
  bool IsUndecided(const Request& request) const;
  // Returns whether the position is of the log that this edge follows, as far as known.
  bool IsOfThisLife(const Request& request) const;
  // Returns the head that an answer tells.
  uint64_t HeadFor(const Request& request, const Start& start) const;

 private:
  std::optional<Start> FindSince(const Request& request) const;
  // The newest `last`, or, if that is 0, all that is held.
  std::optional<Start> FindLast(const Request& request) const;

  const Subscription& subscription_;
  const RecentRing& recent_;
};

}  // namespace edge
