#include "ws_edge/groups/start.h"

#include <algorithm>

namespace edge {

std::optional<Start> StartFinder::Find(const Request& request) const {
  if (!subscription_.confirmed()) return std::nullopt;
  // A node that lags may have told an older head than what is held here.
  if (request.from_now_on()) {
    return Start{std::max(subscription_.head(), recent_.anchored() ? recent_.last() : 0)};
  }
  if (!recent_.anchored()) return std::nullopt;
  // A history is answered at once; what a member misses may still be under way.
  if (request.wants_whole() && subscription_.publications_due() > 0) return std::nullopt;
  if (request.since.has_value()) return FindSince(request);

  return FindLast(request);
}

std::optional<Start> StartFinder::FindLast(const Request& request) const {
  const size_t count = request.last;
  if (count != 0 && recent_.size() >= count) return Start{recent_.PositionBeforeLast(count)};
  const bool asked =
      request.fetched && subscription_.answered();  // there is no more, or no more than fits here
  if (!recent_.begins_with_oldest() && !asked) return std::nullopt;
  // It gets all that is here, and is told if there was more.
  Start start{recent_.after()};
  const bool may_miss = request.kind == Request::Kind::kJoin && count != 0 && recent_.after() > 0;
  if (!may_miss) return start;
  const bool lost = subscription_.lost_before() > 0 || !recent_.begins_with_oldest();
  // Since the log began anew nobody has asked what there was before.
  if (!lost && subscription_.held_from() > 0) return std::nullopt;
  if (lost) start.gap = Start::Gap{GapReason::kRetention, 0};
  return start;
}

std::optional<Start> StartFinder::FindSince(const Request& request) const {
  const uint64_t since = request.since->offset;
  const bool of_this_life = IsOfThisLife(request);
  const bool asked = request.fetched && subscription_.answered();
  // The edge that a client comes from may have been ahead of this one, or in a newer epoch: the
  // channel service is to be asked.
  const bool doubtful = of_this_life ? since > subscription_.newest() : !asked;
  if (doubtful) return std::nullopt;
  if (of_this_life && since >= recent_.after()) return Start{since};
  if (IsUndecided(request)) return std::nullopt;
  if (recent_.begins_with_oldest()) {
    const auto begin_after_gap = [&](GapReason reason, uint64_t after) {
      return Start{recent_.after(), Start::Gap{reason, after}};
    };
    if (of_this_life) return begin_after_gap(GapReason::kRetention, since);
    // Nobody knows what a client has whose position this epoch never gave.
    if (request.since->epoch == subscription_.epoch()) {
      return begin_after_gap(GapReason::kPosition, 0);
    }
    return begin_after_gap(GapReason::kEpoch, since);
  }
  // It came, but this edge had no room to keep it until it was whole (--recent_bytes_max). The
  // answer to a history tells that something is missing, and no reason.
  if (asked && request.kind == Request::Kind::kHistory) {
    return Start{recent_.after(), Start::Gap{GapReason::kRetention, since}};
  }
  return std::nullopt;
}

// Nobody can give publications between the position and the oldest one that is held. Only the
// channel service can tell whether there were any. A loss at a later position implies a loss here;
// no loss at an earlier one implies none here.
bool StartFinder::IsUndecided(const Request& request) const {
  if (!request.since.has_value() || !recent_.anchored()) return false;
  const uint64_t since = request.since->offset;
  // It is still held there.
  if (!recent_.begins_with_oldest() && since >= subscription_.held_from()) return false;
  return IsOfThisLife(request) && since >= subscription_.lost_before() && since < recent_.after();
}

// A position may be newer than the group's last publication, but not than that of any group; once
// the channel service was asked, such an offset can only be of another life.
bool StartFinder::IsOfThisLife(const Request& request) const {
  if (request.since->epoch != subscription_.epoch()) return false;
  return request.since->offset <= subscription_.newest() ||
         !(request.fetched && subscription_.answered());
}

// An answer that must be whole is so up to the end of what is held, and up to the head that came
// with it: a node that lags may not have given yet what another one told of.
uint64_t StartFinder::HeadFor(const Request& request, const Start& start) const {
  if (!request.wants_whole()) return std::max(subscription_.head(), start.position);
  const uint64_t answered = subscription_.publications_due() == 0 ? subscription_.answer_head() : 0;
  return std::max({recent_.last(), answered, start.position});
}

}  // namespace edge
