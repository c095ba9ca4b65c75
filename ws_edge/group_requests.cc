// What sessions ask of a group: where to begin, history, and going on after they were slow.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

#include "ws_edge/group.h"
#include "ws_edge/protocol/encode.h"
#include "ws_edge/session.h"

namespace edge {

Group::Request Group::RequestOf(RequestKind kind, Session* session, const Command& command,
                                channel::SteadyTime came_at) {
  return {.kind = kind,
          .session = session,
          .command_id = command.id,
          .since = command.since,
          .last = command.last,
          .limit = command.limit,
          .began_at = came_at};
}

bool Group::Begin(Session* session, const Command& command, channel::SteadyTime came_at) {
  Request request = RequestOf(RequestKind::kJoin, session, command, came_at);
  // With envelopes the router begins one at a time; plain members are told nothing.
  if (MemberOf(session).requests == kWaitingRequestsMax) return true;
  if (!request.from_now_on()) {
    // It goes on from where it wants to, not from where it was.
    MemberOf(session).waiting = true;
    std::erase_if(requests_, [session](const Request& other) {
      return other.kind == RequestKind::kCatchUp && other.session == session;
    });
  }
  return Ask(std::move(request));
}

bool Group::History(Session* session, const Command& command, channel::SteadyTime came_at) {
  return Ask(RequestOf(RequestKind::kHistory, session, command, came_at));
}

bool Group::Ask(Request request) {
  if (TryServe(request)) return true;
  ++MemberOf(request.session).requests;
  requests_.push_back(std::move(request));
  context_.changed.insert(this);
  FetchIfNeeded();
  return false;
}

// The request had waited; now the next command of its session may begin.
void Group::OnAnswered(const Request& request) {
  Member& member = MemberOf(request.session);
  --member.requests;
  if (member.enveloped) context_.answered.push_back({request.session->id(), id_});
}

void Group::ServeRequests() {
  // Serving may add a request: of a member whose queue is full.
  for (Request& request : std::exchange(requests_, {})) {
    if (!TryServe(request)) {
      requests_.push_back(std::move(request));
    } else if (request.kind != RequestKind::kCatchUp) {
      OnAnswered(request);
    }
  }
  FetchIfNeeded();
}

bool Group::TryServe(const Request& request) {
  if (request.kind == RequestKind::kCatchUp) {
    // A join that was served meanwhile has moved the member; it goes on from there.
    const Member& member = MemberOf(request.session);
    if (!member.waiting || member.position != request.since->offset) return true;
  }
  if (!Ready(request)) return false;
  const auto start = FindStart(request);
  if (!start.has_value()) return false;
  if (request.kind == RequestKind::kHistory) {
    AnswerHistory(request, *start);
  } else {
    Admit(request, *start);
  }
  return true;
}

// False while the client does not read: then the request waits, even if the ring could answer it.
bool Group::Ready(const Request& request) const {
  switch (request.kind) {
    case RequestKind::kJoin:
      return true;
    case RequestKind::kHistory:
      return !QueueIsLong(request.session);
    case RequestKind::kCatchUp:
      return request.session->queued_bytes() <= context_.limits.session_queue_bytes_max / 8;
  }
  return true;
}

// Nothing: what the request asks for is not here (yet).
std::optional<Group::Start> Group::FindStart(const Request& request) const {
  if (!confirmed()) return std::nullopt;
  // The subscription may begin behind the head that a node told which is behind.
  if (request.from_now_on()) {
    return Start{std::max(subscription_.head(), recent_.anchored() ? recent_.last() : 0)};
  }
  if (!recent_.anchored()) return std::nullopt;
  // A history is answered at once; what a member misses may still be under way.
  const bool wants_whole = request.all_held() || request.kind == RequestKind::kHistory;
  if (wants_whole && subscription_.publications_due() > 0) return std::nullopt;
  if (request.since.has_value()) return FindStartSince(request);

  const size_t count = request.last;
  if (count != 0 && recent_.size() >= count) return Start{recent_.PositionBeforeLast(count)};
  const bool asked =
      request.fetched && subscription_.answered();  // there is no more, or no more than fits here
  if (recent_.begins_with_oldest() || asked) return Start{recent_.after()};
  return std::nullopt;
}

std::optional<Group::Start> Group::FindStartSince(const Request& request) const {
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
    if (of_this_life) return Start{recent_.after(), "retention", since};
    // What a client has whose position this epoch never gave is not known.
    if (request.since->epoch == subscription_.epoch()) return Start{recent_.after(), "position", 0};
    return Start{recent_.after(), "epoch", since};
  }
  // It came, but there was no room to keep it until it was whole.
  if (asked && request.kind == RequestKind::kHistory) {
    return Start{recent_.after(), "overload", since};
  }
  return std::nullopt;
}

// Nothing between the position and the oldest publication that is held can be had. Whether anything
// was published there, only the channel service can tell. A loss at a later position implies a loss
// here; no loss at an earlier one implies none here.
bool Group::IsUndecided(const Request& request) const {
  if (!request.since.has_value() || !recent_.anchored()) return false;
  const uint64_t since = request.since->offset;
  // It is still held there.
  if (!recent_.begins_with_oldest() && since >= subscription_.lost_until()) return false;
  return IsOfThisLife(request) && since >= subscription_.lost_before() && since < recent_.after();
}

// A position may be newer than the group's last publication, but not than that of any group; once
// the channel service was asked, such an offset can only be of another life.
bool Group::IsOfThisLife(const Request& request) const {
  if (request.since->epoch != subscription_.epoch()) return false;
  return request.since->offset <= subscription_.newest() ||
         !(request.fetched && subscription_.answered());
}

// The head that an answer tells. An answer from what is held is whole up to the end of that: a node
// that is behind may not have given yet what another one told of.
uint64_t Group::HeadFor(const Request& request, const Start& start) const {
  const bool from_held = request.all_held() || request.kind == RequestKind::kHistory;
  return std::max(from_held ? recent_.last() : subscription_.head(), start.position);
}

void Group::Admit(const Request& request, const Start& start) {
  if (!request.command_id.empty()) {
    request.session->Deliver(
        EncodeJoined({request.command_id, id_, subscription_.epoch(), HeadFor(request, start)},
                     start.gap_reason == nullptr));
  }
  Member& member = MemberOf(request.session);
  const bool joined_again = request.from_now_on() && member.position != kNotBegun;
  if (joined_again) return;
  if (start.gap_reason != nullptr) {
    AnnounceGap(member, start.gap_reason, start.gap_after, start.position + 1);
  }
  member.waiting = false;
  member.position = start.position;
  Replay(member);
}

// Gives a member what it misses and is here, as long as it reads.
void Group::Replay(Member& member) {
  size_t deliveries = 0;
  recent_.VisitAfter(member.position, [&](const RecentRing::Entry& entry) {
    if (QueueIsLong(member.session)) {
      Wait(member);
      return false;
    }
    Deliver</*kAlone=*/false>(member, entry.offset, entry.previous_offset, entry.frame);
    ++deliveries;
    return true;
  });
  context_.metrics.deliveries.Increment(static_cast<double>(deliveries));
}

void Group::AnswerHistory(const Request& request, const Start& start) {
  const size_t limit = request.limit != 0  ? request.limit
                       : request.last != 0 ? request.last
                                           : kHistoryCountDefault;
  std::vector<std::string_view> messages;
  size_t bytes = 0;
  bool more = false;
  recent_.VisitAfter(start.position, [&](const RecentRing::Entry& entry) {
    bytes += entry.frame->size();
    more = messages.size() >= limit || (bytes > kHistoryReplyBytesMax && !messages.empty());
    if (!more) messages.push_back(entry.frame->payload());
    return !more;
  });
  request.session->Deliver(
      EncodeHistory({request.command_id, id_, subscription_.epoch(), HeadFor(request, start)},
                    start.gap_reason == nullptr, messages, more));
}

void Group::Refuse(const Request& request, ErrorCode code, std::string_view why) {
  if (request.command_id.empty() && request.session->dialect() == Dialect::kPlain) return;
  if (request.kind == RequestKind::kCatchUp) return;
  request.session->SendError(code, why, request.command_id, id_);
}

// Subscribes from the oldest position that somebody waits for; one such fetch at a time. Where the
// question is only which positions have missed something, each fetch halves the number of those
// that do not know.
void Group::FetchIfNeeded() {
  if (requests_.empty()) return;
  if (!subscription_.asked()) {
    Request& first = requests_.front();
    first.fetched = true;
    subscription_.Ask({first.since, first.last});
    return;
  }
  if (!subscription_.answered() || subscription_.publications_due() > 0) return;
  // Whoever comes within this time shares the next one, at a tick. Only a member that live
  // publications pass by meanwhile is not to wait.
  const bool soon = context_.clock.Now() < fetched_at_ + kSweepInterval;
  std::optional<uint64_t> oldest;
  std::vector<uint64_t> undecided;
  for (Request& request : requests_) {
    if (!Ready(request) || FindStart(request).has_value()) continue;
    if (IsUndecided(request)) {
      if (!soon || request.kind == RequestKind::kCatchUp) {
        undecided.push_back(request.since->offset);
      }
      continue;
    }
    if (soon) continue;
    // Never beyond what was received: the members here are to miss nothing.
    const bool has_position = request.since.has_value() && IsOfThisLife(request);
    const uint64_t position = has_position ? std::min(request.since->offset, recent_.last())
                              : recent_.begins_with_oldest() ? recent_.last()
                                                             : uint64_t{0};
    request.fetched = true;
    oldest = std::min(oldest.value_or(position), position);
  }
  if (!oldest.has_value() && !undecided.empty()) {
    const auto middle = undecided.begin() + static_cast<ptrdiff_t>(undecided.size() / 2);
    std::nth_element(undecided.begin(), middle, undecided.end());
    oldest = *middle;
  }
  if (!oldest.has_value()) return;
  fetched_at_ = context_.clock.Now();
  subscription_.Ask({channel::StreamPosition{subscription_.epoch(), *oldest}, 0});
}

void Group::OnTick(std::vector<Session*>* given_up) {
  ServeRequests();
  const channel::SteadyTime oldest = context_.clock.Now() - context_.limits.publish_timeout;
  std::vector<Request> overdue;
  for (Request& request : requests_) {
    // It waits for its reader; nothing was asked for it yet.
    if (!Ready(request)) request.began_at = context_.clock.Now();
  }
  const auto is_overdue = [&](const Request& request) {
    const bool may_wait =
        request.kind == RequestKind::kCatchUp || request.session->dialect() == Dialect::kPlain;
    return !may_wait && request.began_at < oldest;
  };
  const auto first = std::stable_partition(requests_.begin(), requests_.end(),
                                           [&](const Request& r) { return !is_overdue(r); });
  std::move(first, requests_.end(), std::back_inserter(overdue));
  requests_.erase(first, requests_.end());
  for (const Request& request : overdue) {
    const bool join = request.kind == RequestKind::kJoin;
    Refuse(request, ErrorCode::kUnavailable,
           join ? "the channel service could not be reached in time; the group is not joined"
                : "the channel service could not be reached in time");
    OnAnswered(request);
    if (join) given_up->push_back(request.session);
  }
}

}  // namespace edge
