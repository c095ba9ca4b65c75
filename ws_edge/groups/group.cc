#include "ws_edge/groups/group.h"

#include <algorithm>

#include "ws_edge/protocol/encode.h"

namespace edge {
namespace {

// Prefetch distance of the fan-out, in members (measured: tests/bench/README.md).
constexpr size_t kPrefetchAhead = 8;
constexpr size_t kPrefetchAheadOfWrites = 2;

GapReason ReasonOf(channel::v1::GapReason reason) {
  if (reason == channel::v1::GAP_REASON_POSITION) return GapReason::kPosition;
  return reason == channel::v1::GAP_REASON_EPOCH ? GapReason::kEpoch : GapReason::kRetention;
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

Group::Group(GroupsContext& context, std::string_view id)
    : context_(context),
      subscription_(context.link.subscriptions(), id, this),
      members_(context, this),
      catch_up_(context, this, subscription_, members_, recent_) {}

Group::~Group() {
  context_.changed.erase(this);
  DropRecent();
}

void Group::Remove(Participant& participant) {
  catch_up_.Forget(participant);
  members_.Remove(participant);
}

void Group::OnSubscribed(Subscription::Answer answer) {
  context_.changed.insert(this);
  StartRecent(answer);
  catch_up_.Serve();
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
        // More comes than is held, or the same, following an earlier position.
        const bool oldest = answer == Subscription::Answer::kAsked && recent.anchored() &&
                            recent.begins_with_oldest();
        recent.Restart(since, since == 0 || oldest);
      } else if (since == 0) {
        recent.SetBeginsWithOldest();
      }
    } else if (subscription_.publications_due() > 0) {
      recent.RestartUnanchored(subscription_.publications_due() < from.last);
    } else {
      recent.Restart(head, from.last != 0 || head == 0);
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
      catch_up_.Wait(member);
      continue;
    }
    missed = missed || proven;
    const bool foreign = gap.reason == channel::v1::GAP_REASON_POSITION;
    members_.AnnounceGap(
        member, {id(), subscription_.epoch(), foreign ? gap.after : member.position, gap.before,
                 ReasonOf(gap.reason)});
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
  catch_up_.Serve();
  return missed;
}

void Group::OnPublication(const channel::v1::Publication& publication, bool due, bool alone) {
  context_.metrics.records_received.Increment();
  Frames frames{publication, subscription_.epoch()};
  Remember(frames, due);
  const size_t deliveries = alone ? FanOut<true>(frames, due) : FanOut<false>(frames, due);
  context_.metrics.deliveries.Increment(static_cast<double>(deliveries));
  if (due && subscription_.publications_due() == 0) catch_up_.Serve();
  if (has_requests()) context_.changed.insert(this);
  while (Group* const oldest = context_.recent.OldestBeyond(context_.limits.recent_bytes_max)) {
    oldest->DropRecent();
  }
}

// Delivering may close a slow session, but it leaves its groups only when it is over: the list of
// members does not change here.
template <bool kAlone>
size_t Group::FanOut(Frames& frames, bool due) {
  const uint64_t offset = frames.publication.offset();
  const uint64_t previous_offset = frames.publication.previous_offset();
  constexpr size_t kAhead = kAlone ? kPrefetchAheadOfWrites : kPrefetchAhead;
  size_t deliveries = 0;
  for (size_t i = 0; i < members_.size(); ++i) {
    if (i + kAhead < members_.size()) members_[i + kAhead].queue->Prefetch();
    Member& member = members_[i];
    if (member.waiting || member.position >= offset) continue;
    if (due && member.enveloped && members_.QueueIsLong(member)) {
      catch_up_.Wait(member);
    } else {
      members_.Deliver<kAlone>(member, offset, previous_offset, frames.Of(member.enveloped));
      ++deliveries;
    }
  }
  return deliveries;
}

void Group::Remember(Frames& frames, bool due) {
  const uint64_t offset = frames.publication.offset();
  if (recent_.anchored() && offset <= recent_.last()) return;  // came again for somebody else
  ChangeRecent([&](RecentRing& recent) {
    if (!members_.any_enveloped()) {
      recent.Restart(offset, false);  // nobody here could come back for it
      return;
    }
    const bool keep_all = due && catch_up_.wants_whole();
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
  const size_t before = recent_.bytes();
  change(recent_);
  context_.recent.Change(this, before, recent_.bytes(), &recent_place_);
}

}  // namespace edge
