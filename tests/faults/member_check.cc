#include "tests/faults/member_check.h"

namespace faults {

using Kind = MemberEvent::Kind;
using support::Arrival;

void MemberCheck::Run() {
  for (const MemberEvent& event : log_.events) OnEvent(event);
  if (place_.gap_due()) Defect(&Verdict::unannounced, "the gap after recovered=false never came");
  if (joined_at_) CheckNothingLost();
}

void MemberCheck::OnEvent(const MemberEvent& event) {
  if (event.kind == Kind::kConnectionLost) return place_.ForgetGap();
  if (place_.gap_due() && event.kind != Kind::kGap) {
    place_.ForgetGap();
    Defect(&Verdict::unannounced, "recovered=false, and something else than a gap came next");
  }
  switch (event.kind) {
    case Kind::kJoined:
      joined_at_ = event.at;
      place_.MoveTo(event.at);
      break;
    case Kind::kResumed:
      if (!place_.OnResumed(event.at, event.recovered)) {
        Defect(&Verdict::unannounced, "recovered=true into another epoch, " + Text(event.at));
      }
      break;
    case Kind::kMessage:
      OnMessage(event);
      break;
    case Kind::kGap:
      OnGap(event);
      break;
    case Kind::kConnectionLost:
      break;
  }
}

void MemberCheck::OnMessage(const MemberEvent& event) {
  const bool of_a_stranger = options_.strangers_publish && !event.id;
  if (!of_a_stranger) ++report_.verdict.delivered;
  const std::string what = (event.id ? Text(*event.id) : "a message") + " at " + Text(event.at);
  const auto publication = event.id ? publications_.find(*event.id) : publications_.end();
  if (of_a_stranger) {
    if (!joined_at_) return Defect(&Verdict::foreign, what + " of a stranger");
  } else if (publication == publications_.end()) {
    Defect(&Verdict::never_sent, what + " was sent by nobody");
  } else if (!joined_at_ || publication->second->group != log_.group) {
    return Defect(&Verdict::foreign, what + " of group " + publication->second->group);
  }
  const bool known = event.id && delivered_.count(*event.id) != 0;
  const Position position = *place_.position();
  const Arrival arrival = place_.OnMessage(event.at, event.previous);
  if (arrival == Arrival::kOtherEpoch) {
    Defect(&Verdict::unannounced, what + " of another epoch without a gap");
  } else if (arrival == Arrival::kDuplicate) {
    return Defect(known ? &Verdict::duplicates : &Verdict::reordered,
                  what + " at or before the position " + Text(position));
  } else if (arrival == Arrival::kHole) {
    Defect(&Verdict::unannounced, what + " follows " + std::to_string(event.previous) +
                                      ", the position is " + Text(position));
  }
  place_.MoveTo(event.at);
  if (of_a_stranger) return;  // it chooses its keys as it likes
  if (event.dropped) {
    --report_.verdict.delivered;
    ++report_.verdict.repeats_dropped;
    if (!known || delivered_.at(*event.id) == event.at.epoch) {
      Defect(&Verdict::duplicates, what + " was dropped by its key, but no epoch ended in between");
    }
  } else if (event.id && !delivered_.emplace(*event.id, event.at.epoch).second) {
    Defect(&Verdict::duplicates, what + " came twice");
  }
}

void MemberCheck::OnGap(const MemberEvent& event) {
  ++report_.verdict.gaps;
  ++report_.verdict.gap_reasons[event.reason];
  place_.ForgetGap();
  if (!joined_at_) return Defect(&Verdict::foreign, "a gap for one who is not a member");
  const Position position = *place_.position();
  const bool same_epoch = event.at.epoch == position.epoch;
  const GapSeen gap{{position.epoch, event.previous}, event.at};
  if (event.at.epoch < position.epoch) {
    Defect(&Verdict::reordered, "a gap back into the epoch of " + Text(event.at));
  }
  if (!same_epoch && event.reason != GapReason::kEpoch) {
    Defect(&Verdict::unannounced, "the epoch changed in a gap of another reason");
  }
  // Between where it stood and where the gap begins nothing may be missing either.
  if (AnyKnown(position, gap.after)) {
    Defect(&Verdict::unannounced,
           "a gap begins at " + Text(gap.after) + ", but the position is " + Text(position));
  }
  if (same_epoch && event.reason == GapReason::kRetention && !options_.strangers_publish) {
    CheckSomethingMissing(gap);
  }
  if (options_.exact_gaps && same_epoch) CheckExact(gap);
  gaps_.push_back(gap);
  // If it claims what has come, the position stays.
  if (place_.OnGap(event.at, /*back=*/false) || !options_.exact_gaps) return;
  Defect(&Verdict::overclaimed,
         "a gap that ends at " + Text(event.at) + ", but the position is " + Text(position));
}

void MemberCheck::CheckSomethingMissing(const GapSeen& gap) {
  if (board_.unplaced > 0) return;  // that may be what is missing
  for (auto known = board_.at.upper_bound(gap.after);
       known != board_.at.end() && known->first < gap.before; ++known) {
    if (*place_.position() < known->first && delivered_.count(known->second) == 0) return;
  }
  Defect(&Verdict::overclaimed, "the gap (" + Text(gap.after) + ", " + Text(gap.before) +
                                    ") holds nothing that is missing after " +
                                    Text(*place_.position()));
}

void MemberCheck::CheckExact(const GapSeen& gap) {
  const std::string what = "the gap (" + Text(gap.after) + ", " + Text(gap.before) + ")";
  if (gap.after < *place_.position()) {
    Defect(&Verdict::overclaimed, what + " begins before the position " + Text(*place_.position()));
  }
  for (auto known = board_.at.upper_bound(gap.after);
       known != board_.at.end() && known->first < gap.before; ++known) {
    if (delivered_.count(known->second) != 0) {
      Defect(&Verdict::overclaimed, what + " holds " + Text(known->second) + ", which had come");
    }
  }
}

void MemberCheck::CheckNothingLost() {
  for (const auto& [at, id] : board_.acknowledged) {
    if (at <= *joined_at_ || delivered_.count(id) != 0) continue;
    if (InGap(at)) {
      ++report_.verdict.in_gaps;
    } else {
      Defect(&Verdict::lost, Text(id) + " at " + Text(at));
    }
  }
}

// Everything of an old epoch after `after` is claimed by a gap into a new one: the order of
// positions says just that.
bool MemberCheck::InGap(Position at) const {
  for (const GapSeen& gap : gaps_) {
    if (gap.after < at && at < gap.before) return true;
  }
  return false;
}

bool MemberCheck::AnyKnown(Position after, Position to) const {
  const auto known = board_.at.upper_bound(after);
  return known != board_.at.end() && known->first <= to;
}

}  // namespace faults
