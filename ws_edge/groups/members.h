// The members of one group, each with its position, and how they are given what is theirs.
//
// Owned by the group, and the one place where a client enters or leaves it; loop thread only. A
// publication goes to the members whose position is before it, and moves it there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ws_edge/groups/context.h"
#include "ws_edge/net/frame.h"
#include "ws_edge/protocol/encode.h"

namespace edge {

struct Member {
  static constexpr uint64_t kNotBegun = UINT64_MAX;

  Participant* participant;
  SendQueue* queue;               // of the client
  uint64_t position = kNotBegun;  // has everything up to here
  uint16_t requests = 0;          // of its own that wait
  bool enveloped;
  bool waiting = true;  // a request decides where it begins or goes on; it gets nothing meanwhile
};

class Members {
 public:
  Members(GroupsContext& context, Group* group) : context_(context), group_(group) {}

  bool empty() const { return members_.empty(); }
  size_t size() const { return members_.size(); }
  Member& operator[](size_t place) { return members_[place]; }
  auto begin() { return members_.begin(); }
  auto end() { return members_.end(); }
  // Some member could come back for what it missed.
  bool any_enveloped() const { return enveloped_count_ > 0; }

  // The member that the participant is.
  Member& Of(Participant& participant);
  void Add(Participant& participant);
  void Remove(Participant& participant);

  // Half of the queue's bound: what is not new can wait until the client has read.
  bool QueueIsLong(const Member& member) const {
    return member.queue->queued_bytes() > context_.limits.session_queue_bytes_max / 2;
  }
  // kAlone: the frame is alone in its turn of the loop, and is written at once. Inline: it is the
  // way of each delivery.
  template <bool kAlone>
  void Deliver(Member& member, uint64_t offset, uint64_t previous_offset, const FramePtr& frame) {
    if (member.position < previous_offset) context_.metrics.unannounced_positions.Increment();
    member.position = offset;
    const size_t queue_bytes_max = context_.limits.session_queue_bytes_max;
    const bool taken = kAlone ? member.queue->OfferAlone(frame, queue_bytes_max)
                              : member.queue->Offer(frame, queue_bytes_max);
    if (!taken) member.participant->client.CloseAsSlow();
  }
  void AnnounceGap(const Member& member, const GapEvent& gap);

 private:
  GroupsContext& context_;
  Group* const group_;
  std::vector<Member> members_;
  size_t enveloped_count_ = 0;
};

}  // namespace edge
