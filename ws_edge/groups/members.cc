#include "ws_edge/groups/members.h"

#include "channel_service/base/check.h"

namespace edge {

Member& Members::Of(Participant& participant) {
  const Participant::Membership* const membership = participant.FindMembership(group_);
  CHANNEL_CHECK(membership != nullptr);
  return members_[membership->place];
}

void Members::Add(Participant& participant) {
  Client& client = participant.client;
  const bool enveloped = client.dialect() == Dialect::kEnveloped;
  if (enveloped) ++enveloped_count_;
  participant.memberships.push_back({group_, static_cast<uint32_t>(members_.size())});
  members_.push_back(
      {.participant = &participant, .queue = &client.queue(), .enveloped = enveloped});
  context_.metrics.memberships.Increment();
}

void Members::Remove(Participant& participant) {
  auto& memberships = participant.memberships;
  Participant::Membership* const membership = participant.FindMembership(group_);
  CHANNEL_CHECK(membership != nullptr);
  const uint32_t place = membership->place;
  *membership = memberships.back();
  memberships.pop_back();
  if (memberships.empty()) memberships.shrink_to_fit();

  if (members_[place].enveloped) --enveloped_count_;
  members_[place] = members_.back();  // the last member takes the place of the one that goes
  members_.pop_back();
  if (place < members_.size()) {
    members_[place].participant->FindMembership(group_)->place = place;
  }
  context_.metrics.memberships.Decrement();
}

void Members::AnnounceGap(const Member& member, const GapEvent& gap) {
  if (!member.enveloped) return;  // the plain dialect has no word for it
  context_.metrics.gaps_announced.Increment();
  member.participant->client.Deliver(EncodeGap(gap));
}

}  // namespace edge
