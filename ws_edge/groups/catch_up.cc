#include "ws_edge/groups/catch_up.h"

#include <algorithm>
#include <utility>

#include "channel_service/model/contract_limits.h"
#include "ws_edge/protocol/encode.h"

namespace edge {

Request CatchUp::RequestOf(Request::Kind kind, Participant& participant, const Command& command,
                           channel::SteadyTime came_at) {
  return {.kind = kind,
          .participant = &participant,
          .command_id = command.id,
          .since = command.since,
          .last = command.last,
          .limit = command.limit,
          .began_at = came_at};
}

bool CatchUp::Begin(Participant& participant, const Command& command, channel::SteadyTime came_at) {
  Request request = RequestOf(Request::Kind::kJoin, participant, command, came_at);
  // With envelopes CommandTurns begins one at a time; plain members are told nothing.
  if (members_.Of(participant).requests == kWaitingRequestsMax) return true;
  if (!request.from_now_on()) {
    // It goes on from where it wants to, not from where it was.
    members_.Of(participant).waiting = true;
    std::erase_if(requests_, [&participant](const Request& other) {
      return other.kind == Request::Kind::kCatchUp && other.participant == &participant;
    });
  }
  return Ask(std::move(request));
}

bool CatchUp::History(Participant& participant, const Command& command,
                      channel::SteadyTime came_at) {
  return Ask(RequestOf(Request::Kind::kHistory, participant, command, came_at));
}

bool CatchUp::Ask(Request request) {
  if (TryServe(request)) return true;
  ++members_.Of(*request.participant).requests;
  requests_.push_back(std::move(request));
  context_.changed.insert(group_);
  FetchIfNeeded();
  return false;
}

bool CatchUp::wants_whole() const {
  return std::any_of(requests_.begin(), requests_.end(),
                     [](const Request& request) { return request.wants_whole(); });
}

void CatchUp::Wait(Member& member) {
  member.waiting = true;
  context_.changed.insert(group_);
  requests_.push_back({.kind = Request::Kind::kCatchUp,
                       .participant = member.participant,
                       .since = channel::StreamPosition{subscription_.epoch(), member.position}});
}

void CatchUp::Forget(const Participant& participant) {
  std::erase_if(requests_, [&participant](const Request& request) {
    return request.participant == &participant;
  });
}

// The request had waited; now the next command of its client may begin.
void CatchUp::OnAnswered(const Request& request) {
  Member& member = members_.Of(*request.participant);
  --member.requests;
  if (member.enveloped) context_.answered.push_back({request.participant->client.id(), group_id()});
}

void CatchUp::Serve() {
  // Serving may add a request: of a member whose queue is full.
  for (Request& request : std::exchange(requests_, {})) {
    if (!TryServe(request)) {
      requests_.push_back(std::move(request));
    } else if (request.kind != Request::Kind::kCatchUp) {
      OnAnswered(request);
    }
  }
  FetchIfNeeded();
}

bool CatchUp::TryServe(const Request& request) {
  if (request.kind == Request::Kind::kCatchUp) {
    // A join that was served meanwhile has moved the member; it goes on from there.
    const Member& member = members_.Of(*request.participant);
    if (!member.waiting || member.position != request.since->offset) return true;
  }
  if (!Ready(request)) return false;
  const auto start = starts_.Find(request);
  if (!start.has_value()) return false;
  if (request.kind == Request::Kind::kHistory) {
    AnswerHistory(request, *start);
  } else {
    Admit(request, *start);
  }
  return true;
}

// False while the client does not read: then the request waits, even if the ring could answer it.
bool CatchUp::Ready(const Request& request) const {
  switch (request.kind) {
    case Request::Kind::kJoin:
      return true;
    case Request::Kind::kHistory:
      return !members_.QueueIsLong(members_.Of(*request.participant));
    case Request::Kind::kCatchUp:
      return request.participant->client.queued_bytes() <=
             context_.limits.session_queue_bytes_max / 8;
  }
  return true;
}

void CatchUp::Admit(const Request& request, const Start& start) {
  if (!request.command_id.empty()) {
    request.participant->client.Deliver(EncodeJoined(
        {request.command_id, group_id(), subscription_.epoch(), starts_.HeadFor(request, start)},
        !start.gap.has_value()));
  }
  Member& member = members_.Of(*request.participant);
  const bool joined_again = request.from_now_on() && member.position != Member::kNotBegun;
  if (joined_again) return;
  if (start.gap.has_value()) {
    members_.AnnounceGap(member, {group_id(), subscription_.epoch(), start.gap->after,
                                  start.position + 1, start.gap->reason});
  }
  member.waiting = false;
  member.position = start.position;
  Replay(member);
}

// Gives a member the publications that it misses and that are here, as long as it reads.
void CatchUp::Replay(Member& member) {
  size_t deliveries = 0;
  size_t bytes = 0;
  recent_.VisitAfter(member.position, [&](const RecentRing::Entry& entry) {
    if (members_.QueueIsLong(member)) {
      Wait(member);
      return false;
    }
    members_.Deliver</*kAlone=*/false>(member, entry.offset, entry.previous_offset, entry.frame);
    ++deliveries;
    bytes += entry.frame->size();
    return true;
  });
  member.participant->client.ChargeAnswer(bytes);
  context_.metrics.deliveries.Increment(static_cast<double>(deliveries));
}

void CatchUp::AnswerHistory(const Request& request, const Start& start) {
  const size_t limit = request.limit != 0  ? request.limit
                       : request.last != 0 ? request.last
                                           : channel::kHistoryCountDefault;
  std::vector<std::string_view> messages;
  size_t bytes = 0;
  bool more = false;
  recent_.VisitAfter(start.position, [&](const RecentRing::Entry& entry) {
    bytes += entry.frame->size();
    more = messages.size() >= limit || (bytes > kHistoryReplyBytesMax && !messages.empty());
    if (!more) messages.push_back(entry.frame->payload());
    return !more;
  });
  const FramePtr answer = EncodeHistory(
      {request.command_id, group_id(), subscription_.epoch(), starts_.HeadFor(request, start)},
      !start.gap.has_value(), messages, more);
  request.participant->client.ChargeAnswer(answer->size());
  request.participant->client.Deliver(answer);
}

void CatchUp::Refuse(const Request& request, ErrorCode code, std::string_view why) {
  if (request.command_id.empty() && request.participant->client.dialect() == Dialect::kPlain)
    return;
  if (request.kind == Request::Kind::kCatchUp) return;
  request.participant->client.SendError(code, why, request.command_id, group_id());
}

// Subscribes from the oldest position that somebody waits for; one such fetch at a time. Where the
// question is only which positions have missed something, each fetch halves the number of those
// that do not know.
void CatchUp::FetchIfNeeded() {
  if (requests_.empty()) return;
  if (!subscription_.asked()) {
    Request& first = requests_.front();
    first.fetched = true;
    subscription_.Ask({first.since, first.last});
    return;
  }
  if (!subscription_.answered() || subscription_.publications_due() > 0) return;
  // Requests that come within this time share the next one, at a tick. Only a member that live
  // publications pass by meanwhile is not to wait.
  const bool soon = context_.clock.Now() < fetched_at_ + kSweepInterval;
  std::optional<uint64_t> oldest;
  std::vector<uint64_t> undecided;
  for (Request& request : requests_) {
    if (!Ready(request) || starts_.Find(request).has_value()) continue;
    if (starts_.IsUndecided(request)) {
      if (!soon || request.kind == Request::Kind::kCatchUp) {
        undecided.push_back(request.since->offset);
      }
      continue;
    }
    if (soon) continue;
    // Never beyond what was received: the members here are to miss nothing.
    const bool has_position = request.since.has_value() && starts_.IsOfThisLife(request);
    const bool all_is_here = request.since.has_value() && recent_.begins_with_oldest();
    const uint64_t position = has_position  ? std::min(request.since->offset, recent_.last())
                              : all_is_here ? recent_.last()
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

void CatchUp::OnTick(std::vector<Participant*>* given_up) {
  Serve();
  const channel::SteadyTime oldest = context_.clock.Now() - context_.limits.publish_timeout;
  std::vector<Request> overdue;
  for (Request& request : requests_) {
    // It waits for its reader; nothing was asked for it yet.
    if (!Ready(request)) request.began_at = context_.clock.Now();
  }
  const auto is_overdue = [&](const Request& request) {
    const bool may_wait = request.kind == Request::Kind::kCatchUp ||
                          request.participant->client.dialect() == Dialect::kPlain;
    return !may_wait && request.began_at < oldest;
  };
  const auto first = std::stable_partition(requests_.begin(), requests_.end(),
                                           [&](const Request& r) { return !is_overdue(r); });
  std::move(first, requests_.end(), std::back_inserter(overdue));
  requests_.erase(first, requests_.end());
  for (const Request& request : overdue) {
    const bool join = request.kind == Request::Kind::kJoin;
    Refuse(request, ErrorCode::kUnavailable,
           join ? "the channel service could not be reached in time; the group is not joined"
                : "the channel service could not be reached in time");
    OnAnswered(request);
    if (join) given_up->push_back(request.participant);
  }
}

}  // namespace edge
