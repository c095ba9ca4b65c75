// Members, and what comes from upstream. What sessions ask for is in group_requests.cc.
#include "ws_edge/group.h"

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"
#include "ws_edge/protocol/encode.h"
#include "ws_edge/session.h"

namespace edge {
namespace {

// Members are prefetched so far ahead of the fan-out that their memory is there in time (bench,
// fan-out).
constexpr size_t kPrefetchAhead = 8;
constexpr size_t kPrefetchAheadOfWrites = 2;

const char* ToString(channel::v1::GapReason reason) {
  if (reason == channel::v1::GAP_REASON_POSITION) return "position";
  return reason == channel::v1::GAP_REASON_EPOCH ? "epoch" : "retention";
}

}  // namespace

// A publication's frame in each dialect, encoded when the first member needs it.
struct Group::Frames {
  const channel::v1::Publication& publication;
  const std::string& epoch;
  FramePtr plain = nullptr;
  FramePtr enveloped = nullptr;

  const FramePtr& Of(bool with_envelope) {
    if (with_envelope) {
      if (enveloped == nullptr) enveloped = EncodeMessage(publication, epoch);
      return enveloped;
    }
    if (plain == nullptr) plain = EncodePlain(publication);
    return plain;
  }
};

Group::Group(GroupContext& context, std::string_view id)
    : context_(context), id_(id), subscription_(context.subscriptions, id, this) {}

Group::~Group() {
  context_.changed.erase(this);
  DropRecent();
}

uint32_t Group::AddMember(Session* session) {
  const bool enveloped = session->dialect() == Dialect::kEnveloped;
  members_.push_back({session, &session->stream(), kNotBegun, 0, enveloped, true});
  if (enveloped) ++enveloped_count_;
  return static_cast<uint32_t>(members_.size() - 1);
}

Session* Group::RemoveMember(uint32_t place) {
  Session* const session = members_[place].session;
  if (members_[place].enveloped) --enveloped_count_;
  members_[place] = members_.back();  // the last member takes the place of the one that goes
  members_.pop_back();
  std::erase_if(requests_,
                [session](const Request& request) { return request.session == session; });
  return place < members_.size() ? members_[place].session : nullptr;
}

Group::Member& Group::MemberOf(Session* session) {
  for (const Session::Membership& membership : session->memberships()) {
    if (membership.group == this) return members_[membership.place];
  }
  CHANNEL_CHECK(false);
}

void Group::OnSubscribed(Subscription::Answer answer) {
  context_.changed.insert(this);
  StartRecent(answer);
  ServeRequests();
}

void Group::StartRecent(Subscription::Answer answer) {
  const channel::SubscribeFrom& from = subscription_.from();
  const uint64_t head = subscription_.head();
  ChangeRecent([&](RecentRing& recent) {
    if (answer == Subscription::Answer::kResumed) {
      if (!recent.anchored()) recent.Restart(0, true);
    } else if (from.since.has_value()) {
      const uint64_t since = from.since->offset;
      if (answer == Subscription::Answer::kFirst || since < recent.after()) {
        // What comes is more, or it is the same and follows an earlier position.
        const bool oldest = answer == Subscription::Answer::kAsked && recent.anchored() &&
                            recent.begins_with_oldest();
        recent.Restart(since, since == 0 || oldest);
      } else if (since == 0) {
        recent.SetBeginsWithOldest();
      }
    } else if (subscription_.publications_due() > 0) {
      recent.RestartUnanchored(subscription_.publications_due() < from.last);
    } else {
      recent.Restart(head, head == 0);
    }
  });
}

bool Group::OnGap(const Subscription::Gap& gap) {
  context_.changed.insert(this);
  const uint64_t position = std::max<uint64_t>(gap.before, 1) - 1;
  bool missed = false;
  for (Member& member : members_) {
    if (member.waiting || (!gap.log_began_anew && member.position >= position)) continue;
    const bool proven = gap.log_began_anew || member.position < subscription_.lost_before();
    if (!proven && member.enveloped) {
      Wait(member);
      continue;
    }
    missed = missed || proven;
    const bool foreign = gap.reason == channel::v1::GAP_REASON_POSITION;
    AnnounceGap(member, ToString(gap.reason), foreign ? gap.after : member.position, gap.before);
    member.position = position;
  }
  ChangeRecent([&](RecentRing& recent) {
    const bool holds_more = !gap.log_began_anew && recent.anchored() &&
                            recent.after() <= position && position <= recent.last();
    if (holds_more) {
      recent.SetBeginsWithOldest();
    } else {
      recent.Restart(position, true);
    }
  });
  ServeRequests();
  return missed;
}

void Group::OnPublication(const channel::v1::Publication& publication, bool due, bool alone) {
  context_.metrics.records_received.Increment();
  Frames frames{publication, subscription_.epoch()};
  Remember(frames, due);
  const size_t deliveries = alone ? FanOut<true>(frames, due) : FanOut<false>(frames, due);
  context_.metrics.deliveries.Increment(static_cast<double>(deliveries));
  if (due && subscription_.publications_due() == 0) ServeRequests();
  if (has_requests()) context_.changed.insert(this);
  while (context_.recent_bytes > context_.limits.recent_bytes_max && !context_.by_use.empty()) {
    context_.by_use.front()->DropRecent();
  }
}

// Delivering may close a slow session, but it leaves its groups only when it is over: the list of
// members does not change here.
template <bool kAlone>
size_t Group::FanOut(Frames& frames, bool due) {
  const uint64_t offset = frames.publication.offset();
  const uint64_t previous_offset = frames.publication.previous_offset();
  constexpr size_t ahead = kAlone ? kPrefetchAheadOfWrites : kPrefetchAhead;
  size_t deliveries = 0;
  for (size_t i = 0; i < members_.size(); ++i) {
    if (i + ahead < members_.size()) members_[i + ahead].stream->Prefetch();
    Member& member = members_[i];
    if (member.waiting || member.position >= offset) continue;
    if (due && member.enveloped && QueueIsLong(member.session)) {
      Wait(member);
    } else {
      Deliver<kAlone>(member, offset, previous_offset, frames.Of(member.enveloped));
      ++deliveries;
    }
  }
  return deliveries;
}

template <bool kAlone>
void Group::Deliver(Member& member, uint64_t offset, uint64_t previous_offset,
                    const FramePtr& frame) {
  if (member.position < previous_offset) context_.metrics.unannounced_positions.Increment();
  member.position = offset;
  const size_t queue_bytes_max = context_.limits.session_queue_bytes_max;
  const bool taken = kAlone ? member.stream->OfferAlone(frame, queue_bytes_max)
                            : member.stream->Offer(frame, queue_bytes_max);
  if (!taken) member.session->CloseAsSlow();
}
template void Group::Deliver<false>(Member&, uint64_t, uint64_t, const FramePtr&);

void Group::Remember(Frames& frames, bool due) {
  const uint64_t offset = frames.publication.offset();
  if (recent_.anchored() && offset <= recent_.last()) return;  // came again for somebody else
  ChangeRecent([&](RecentRing& recent) {
    if (enveloped_count_ == 0) {
      recent.Restart(offset, false);  // nobody here could come back for it
      return;
    }
    const auto wants_whole = [](const Request& request) {
      return request.all_held() || request.kind == RequestKind::kHistory;
    };
    const bool keep_all = due && std::any_of(requests_.begin(), requests_.end(), wants_whole);
    recent.Append({offset, frames.publication.previous_offset(), frames.Of(/*with_envelope=*/true)},
                  keep_all);
  });
}

void Group::DropRecent() {
  if (recent_.size() == 0) return;
  ChangeRecent([](RecentRing& recent) { recent.Restart(recent.last(), false); });
}

template <typename Change>
void Group::ChangeRecent(Change change) {
  context_.recent_bytes -= recent_.bytes();
  const bool held = recent_.bytes() > 0;
  change(recent_);
  const bool holds = recent_.bytes() > 0;
  context_.recent_bytes += recent_.bytes();
  auto& by_use = context_.by_use;
  if (held && holds) {
    by_use.splice(by_use.end(), by_use, by_use_);
  } else if (holds) {
    by_use_ = by_use.insert(by_use.end(), this);
  } else if (held) {
    by_use.erase(by_use_);
  }
}

void Group::AnnounceGap(Member& member, const char* reason, uint64_t after, uint64_t before) {
  if (!member.enveloped) return;  // the plain dialect has no word for it
  context_.metrics.gaps_announced.Increment();
  member.session->Deliver(EncodeGap({id_, subscription_.epoch(), after, before, reason}));
}

bool Group::QueueIsLong(const Session* session) const {
  return session->queued_bytes() > context_.limits.session_queue_bytes_max / 2;
}

void Group::Wait(Member& member) {
  member.waiting = true;
  requests_.push_back({.kind = RequestKind::kCatchUp,
                       .session = member.session,
                       .since = channel::StreamPosition{subscription_.epoch(), member.position}});
}

}  // namespace edge
