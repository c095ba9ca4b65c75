#include "channel_service/client/resume_table.h"

#include <utility>

namespace channel {

void ResumeTable::Add(const std::string& group_id, uint64_t tag, SubscribeFrom from) {
  const auto found = groups_.find(group_id);
  // A group that is changed but not held is one that the service is to be told to give up.
  const bool known = found != groups_.end() ? found->second.known : changed_.contains(group_id);
  groups_[group_id] =
      Entry{.tag = tag, .position = std::move(from.since), .last = from.last, .known = known};
  changed_.insert(group_id);
}

void ResumeTable::Remove(const std::string& group_id) {
  const auto found = groups_.find(group_id);
  if (found == groups_.end()) return;
  if (found->second.known) {
    changed_.insert(group_id);
  } else {
    changed_.erase(group_id);
  }
  groups_.erase(found);
}

void ResumeTable::OnLinkUp() {
  changed_.clear();
  for (auto& [group_id, entry] : groups_) {
    entry.known = false;
    changed_.insert(group_id);
  }
}

void ResumeTable::TakeChanges(size_t count_max, v1::SubscribeRequest* request) {
  auto next = changed_.begin();  // once: the search for it passes all that was taken before
  for (size_t i = 0; i < count_max && next != changed_.end(); ++i) {
    const std::string group_id = std::move(changed_.extract(next++).value());
    const auto found = groups_.find(group_id);
    if (found == groups_.end()) {
      request->add_unsubscribe(group_id);
    } else {
      *request->add_subscribe() = Ask(group_id, found->second);
    }
  }
}

v1::Subscription ResumeTable::Ask(const std::string& group_id, Entry& entry) {
  entry.known = true;
  entry.confirmed = false;
  entry.anchored = true;  // if none of the `last` came: everything that is held of this epoch
  v1::Subscription subscription;
  subscription.set_group_id(group_id);
  subscription.set_tag(entry.tag);
  if (entry.position.has_value()) {
    subscription.mutable_since()->set_epoch(entry.position->epoch);
    subscription.mutable_since()->set_offset(entry.position->offset);
  } else {
    subscription.set_last(entry.last);
  }
  return subscription;
}

bool ResumeTable::OnSubscribed(const v1::Subscribed& subscribed) {
  const auto found = groups_.find(subscribed.group_id());
  if (found == groups_.end() || found->second.tag != subscribed.tag()) return false;
  Entry& entry = found->second;
  entry.confirmed = true;
  // A position that was resumed stays: what was missed comes next. One that was not is set by the
  // gap.
  if (!entry.position.has_value()) {
    entry.anchored = subscribed.missed() == 0;
    entry.position = StreamPosition{subscribed.epoch(), entry.anchored ? subscribed.offset() : 0};
  }
  return true;
}

bool ResumeTable::OnGap(const v1::Gap& gap) {
  const auto found = groups_.find(gap.group_id());
  if (found == groups_.end() || !found->second.confirmed) return false;
  found->second.position = StreamPosition{gap.epoch(), gap.before() - 1};
  return true;
}

ResumeTable::Verdict ResumeTable::OnPublication(const v1::Publication& publication) {
  const auto found = groups_.find(publication.group_id());
  if (found == groups_.end() || !found->second.confirmed) return Verdict::kDrop;
  StreamPosition& position = *found->second.position;
  if (!std::exchange(found->second.anchored, true)) {
    position.offset = publication.previous_offset();
  }
  if (publication.offset() <= position.offset) return Verdict::kDrop;
  if (publication.previous_offset() > position.offset) {
    found->second.confirmed = false;
    changed_.insert(publication.group_id());
    return Verdict::kMissed;
  }
  position.offset = publication.offset();
  return Verdict::kDeliver;
}

}  // namespace channel
