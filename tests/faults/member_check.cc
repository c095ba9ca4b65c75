#include "tests/faults/member_check.h"

namespace faults {

using Kind = MemberEvent::Kind;

void MemberCheck::Run() {
  for (const MemberEvent& event : log_.events) OnEvent(event);
  if (gap_expected_) Defect(&Verdict::unannounced, "the gap after recovered=false never came");
  if (joined_at_) CheckNothingLost();
}

void MemberCheck::OnEvent(const MemberEvent& event) {
  if (event.kind == Kind::kConnectionLost) {
    gap_expected_ = false;  // the next resume will say it again
    return;
  }
  if (gap_expected_ && event.kind != Kind::kGap) {
    gap_expected_ = false;
    Defect(&Verdict::unannounced, "recovered=false, and something else than a gap came next");
  }
  switch (event.kind) {
    case Kind::kJoined:
      joined_at_ = position_ = event.at;
      left_ = false;
      break;
    case Kind::kResumed:
      if (!event.recovered) {
        gap_expected_ = true;
      } else if (event.at.epoch != position_.epoch) {
        Defect(&Verdict::unannounced, "recovered=true into another epoch, " + Text(event.at));
      }
      break;
    case Kind::kMessage:
      OnMessage(event);
      break;
    case Kind::kGap:
      OnGap(event);
      break;
    case Kind::kLeft:
      left_ = true;
      break;
    case Kind::kConnectionLost:
      break;
  }
}

void MemberCheck::OnMessage(const MemberEvent& event) {
  ++report_.verdict.delivered;
  const std::string what = (event.id ? Text(*event.id) : "a message") + " at " + Text(event.at);
  const auto publication = event.id ? publications_.find(*event.id) : publications_.end();
  if (publication == publications_.end()) {
    Defect(&Verdict::never_sent, what + " was sent by nobody");
  } else if (!joined_at_ || left_ || publication->second->group != log_.group) {
    return Defect(&Verdict::foreign, what + " of group " + publication->second->group);
  }
  const bool known = event.id && delivered_.count(*event.id) != 0;
  if (event.at.epoch != position_.epoch) {
    Defect(&Verdict::unannounced, what + " of another epoch without a gap");
  } else if (event.at.offset <= position_.offset) {
    return Defect(known ? &Verdict::duplicates : &Verdict::reordered,
                  what + " at or before the position " + Text(position_));
  } else if (event.previous > position_.offset) {
    Defect(&Verdict::unannounced, what + " follows " + std::to_string(event.previous) +
                                      ", the position is " + Text(position_));
  }
  position_ = event.at;
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
  gap_expected_ = false;
  if (!joined_at_ || left_) return Defect(&Verdict::foreign, "a gap for one who is not a member");
  const bool same_epoch = event.at.epoch == position_.epoch;
  const GapSeen gap{{position_.epoch, event.previous}, event.at};
  if (event.at.epoch < position_.epoch) {
    Defect(&Verdict::reordered, "a gap back into the epoch of " + Text(event.at));
  }
  if (!same_epoch && event.reason != GapReason::kEpoch) {
    Defect(&Verdict::unannounced, "the epoch changed in a gap of another reason");
  }
  // Between where it stood and where the gap begins nothing may be missing either.
  if (AnyKnown(position_, gap.after)) {
    Defect(&Verdict::unannounced,
           "a gap begins at " + Text(gap.after) + ", but the position is " + Text(position_));
  }
  if (same_epoch && event.reason == GapReason::kRetention) CheckSomethingMissing(gap);
  if (options_.exact_gaps && same_epoch) CheckExact(gap);
  gaps_.push_back(gap);
  const Position next{event.at.epoch, event.at.offset == 0 ? 0 : event.at.offset - 1};
  if (same_epoch && next < position_) {
    if (!options_.exact_gaps) return;  // it claims what has come; the position stays
    Defect(&Verdict::overclaimed,
           "a gap that ends at " + Text(event.at) + ", but the position is " + Text(position_));
    return;
  }
  position_ = next;
}

void MemberCheck::CheckSomethingMissing(const GapSeen& gap) {
  if (board_.unplaced > 0) return;  // that may be what is missing
  for (auto known = board_.at.upper_bound(gap.after);
       known != board_.at.end() && known->first < gap.before; ++known) {
    if (position_ < known->first && delivered_.count(known->second) == 0) return;
  }
  Defect(&Verdict::overclaimed, "the gap (" + Text(gap.after) + ", " + Text(gap.before) +
                                    ") holds nothing that is missing after " + Text(position_));
}

void MemberCheck::CheckExact(const GapSeen& gap) {
  const std::string what = "the gap (" + Text(gap.after) + ", " + Text(gap.before) + ")";
  if (gap.after < position_) {
    Defect(&Verdict::overclaimed, what + " begins before the position " + Text(position_));
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
    if (left_ && position_ < at) continue;
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
    if (Between(gap, at)) return true;
  }
  return false;
}

bool MemberCheck::AnyKnown(Position after, Position to) const {
  const auto known = board_.at.upper_bound(after);
  return known != board_.at.end() && known->first <= to;
}

}  // namespace faults
