#include "channel_service/engine/jetstream/attached_groups.h"

#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/engine/jetstream/subject.h"

namespace channel {

AttachedGroups::AttachedGroups(NatsConnection& connection, const NatsRequests& requests,
                               AttachedGroupContext context)
    : connection_(connection),
      requests_(requests),
      live_prefix_(LivePrefix(context.stream)),
      context_(std::move(context)) {}

void AttachedGroups::Attach(std::string_view group_id, GroupSink* sink) {
  const auto group = std::make_shared<AttachedGroup>(context_, group_id, sink);
  CHANNEL_CHECK(groups_.emplace(group->id(), group).second);
  connection_.Subscribe(LiveSubject(context_.stream, group_id));
  group->Start();
}

void AttachedGroups::Detach(std::string_view group_id) {
  const auto found = groups_.find(group_id);
  CHANNEL_CHECK(found != groups_.end());
  connection_.Unsubscribe(LiveSubject(context_.stream, group_id));
  const std::shared_ptr<AttachedGroup> detached = std::move(found->second);
  groups_.erase(found);
  detached->Detach();
}

AttachedGroup* AttachedGroups::Find(std::string_view group_id) const {
  const auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : found->second.get();
}

bool AttachedGroups::OnMessage(NatsMessage& message) {
  const std::string_view subject = message.subject();
  if (subject.substr(0, live_prefix_.size()) != live_prefix_) return false;
  context_.reader.Saw(message.sequence);
  const auto group_id = FromToken(subject.substr(live_prefix_.size()));
  const auto found = group_id.has_value() ? groups_.find(*group_id) : groups_.end();
  if (found == groups_.end()) {
    context_.metrics.foreign.Increment();  // of a group that was detached just now
    return true;
  }
  context_.metrics.received.Increment();
  const std::shared_ptr<AttachedGroup> group = found->second;  // its sink may detach it
  group->OnLive(std::move(message));
  return true;
}

void AttachedGroups::CompareAll() {
  context_.to_compare.clear();
  for (const auto& [group_id, group] : groups_) context_.to_compare.push_back(group_id);
}

void AttachedGroups::OnTick() {
  for (const std::string& group_id : std::exchange(context_.behind, {})) {
    if (AttachedGroup* const group = Find(group_id)) group->CatchUpWithSeen();
  }
  CompareSome();
  SweepSome();
}

void AttachedGroups::CompareSome() {
  std::vector<std::string>& ids = context_.to_compare;
  while (!ids.empty() && requests_.size() < kRequestsMax) {
    AttachedGroup* const group = Find(ids.back());
    ids.pop_back();
    if (group != nullptr) group->Compare();
  }
}

void AttachedGroups::SweepSome() {
  const SteadyTime now = context_.clock.Now();
  if (to_sweep_.empty() && now >= next_sweep_) {
    next_sweep_ = now + kSweepTime;
    for (const auto& [group_id, group] : groups_) to_sweep_.push_back(group_id);
  }
  const size_t count = groups_.size() * NatsConnection::kTick / kSweepTime + 1;
  for (size_t i = 0; i < count && !to_sweep_.empty(); ++i) {
    if (AttachedGroup* const group = Find(to_sweep_.back())) {
      group->DropOlderThan(now - context_.limits.history_age_max);
    }
    context_.to_compare.push_back(std::move(to_sweep_.back()));
    to_sweep_.pop_back();
  }
}

void AttachedGroups::EndStop() {
  std::vector<std::shared_ptr<AttachedGroup>> stopped;  // a reader may detach its group
  for (const auto& [group_id, group] : groups_) stopped.push_back(group);
  for (const auto& group : stopped) group->Stop();
}

}  // namespace channel
