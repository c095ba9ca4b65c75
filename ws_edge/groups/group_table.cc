#include "ws_edge/groups/group_table.h"

#include <spdlog/fmt/fmt.h>

#include <utility>
#include <vector>

#include "ws_edge/groups/group.h"
#include "ws_edge/protocol/encode.h"

namespace edge {

GroupTable::GroupTable(const EdgeLimits& limits, EdgeMetrics& metrics, const channel::Clock& clock,
                       Link& link)
    : context_{limits, metrics, clock, link}, sends_(context_), turns_(context_, sends_, *this) {}

GroupTable::~GroupTable() = default;

Group* GroupTable::Find(std::string_view group_id) {
  const auto found = group_by_id_.find(group_id);
  return found == group_by_id_.end() ? nullptr : found->second.get();
}

Group* GroupTable::FindOrAdd(std::string_view group_id) {
  if (Group* group = Find(group_id)) return group;
  if (group_by_id_.size() >= kGroupsMax) return nullptr;
  auto owned = std::make_unique<Group>(context_, group_id);
  Group* const group = owned.get();
  group_by_id_.emplace(std::string_view(group->id()), std::move(owned));
  context_.metrics.groups.Increment();
  return group;
}

void GroupTable::OnCommand(Client& client, Command&& command) {
  turns_.Add(context_.participants.FindOrAdd(client), std::move(command));
}

void GroupTable::LeaveAll(Client& client) {
  Participant* const participant = context_.participants.Find(client.id());
  if (participant == nullptr) return;
  while (!participant->memberships.empty())
    Leave(participant->memberships.back().group, *participant);
  for (Command& command : participant->commands.TakeWaiting()) {
    if (command.kind != CommandKind::kSendToGroup) continue;
    Send(*participant, std::move(command), 0, context_.clock.Now());
  }
  context_.participants.Remove(client.id());
  turns_.GoOn();
}

size_t GroupTable::GroupsOf(const Client& client) const {
  const Participant* const participant = context_.participants.Find(client.id());
  return participant == nullptr ? 0 : participant->memberships.size();
}

bool GroupTable::BeginInTurn(Participant& participant, const Command& command,
                             channel::SteadyTime came_at) {
  switch (command.kind) {
    case CommandKind::kAddGroup:
      return Join(participant, command, came_at);
    case CommandKind::kHistory:
      return History(participant, command, came_at);
    default:
      Leave(participant, command);
      return true;
  }
}

bool GroupTable::Join(Participant& participant, const Command& command,
                      channel::SteadyTime came_at) {
  const size_t joined = participant.memberships.size();
  Group* group = Find(command.group_id);
  if (group == nullptr || participant.FindMembership(group) == nullptr) {
    std::string why;
    if (joined >= context_.limits.groups_per_connection_max) {
      why = fmt::format("this connection is in {} groups; more are not allowed here", joined);
    } else if (group = FindOrAdd(command.group_id); group == nullptr) {
      why = fmt::format("clients of this edge are in {} groups; more are not allowed here",
                        kGroupsMax);
    }
    if (group == nullptr || !why.empty()) {
      participant.client.SendError(ErrorCode::kLimitExceeded, why, command.id, command.group_id);
      return true;
    }
    group->Add(participant);
  }
  return group->Begin(participant, command, came_at);
}

bool GroupTable::History(Participant& participant, const Command& command,
                         channel::SteadyTime came_at) {
  Group* const group = Find(command.group_id);
  if (group == nullptr || participant.FindMembership(group) == nullptr) {
    participant.client.SendError(ErrorCode::kNotJoined,
                                 "history is for members; join the group first", command.id,
                                 command.group_id);
    return true;
  }
  return group->History(participant, command, came_at);
}

void GroupTable::Leave(Participant& participant, const Command& command) {
  Client& client = participant.client;
  Group* const group = Find(command.group_id);
  const bool joined = group != nullptr && participant.FindMembership(group) != nullptr;
  if (joined) Leave(group, participant);
  if (client.dialect() == Dialect::kPlain) return;
  if (!joined) {
    client.SendError(ErrorCode::kNotJoined, "this connection is not in the group", command.id,
                     command.group_id);
  } else if (!command.id.empty()) {
    client.Deliver(EncodeLeft(command.id, command.group_id));
  }
}

// The last member takes the group with it.
void GroupTable::Leave(Group* group, Participant& participant) {
  group->Remove(participant);
  if (!group->empty()) return;
  sends_.ForwardWaiting(group);  // nobody is left who would have to see it
  groups_with_requests_.erase(group);
  context_.metrics.groups.Decrement();
  group_by_id_.erase(group->id());
}

void GroupTable::Send(Participant& participant, Command&& command, uint64_t number,
                      channel::SteadyTime came_at) {
  Group* const group = Find(command.group_id);
  sends_.Send(participant.client.id(), group, std::move(command), number, came_at);
}

void GroupTable::OnPublishAnswer(const Sender& sender, const PublishAnswer& answer) {
  sends_.OnAnswer(sender, answer);
}

void GroupTable::OnTurnEnd() {
  VisitChanged();
  turns_.GoOn();
}

void GroupTable::VisitChanged() {
  if (context_.changed.empty()) return;
  for (Group* group : std::exchange(context_.changed, {})) {
    if (group->confirmed()) sends_.ForwardWaiting(group);
    if (group->has_requests()) groups_with_requests_.insert(group);
  }
}

void GroupTable::OnTick() {
  VisitChanged();
  sends_.RefuseOverdue();
  turns_.RefuseOverdue();
  const std::vector<Group*> groups(groups_with_requests_.begin(), groups_with_requests_.end());
  groups_with_requests_.clear();
  for (Group* group : groups) {
    std::vector<Participant*> given_up;
    group->OnTick(&given_up);
    if (group->has_requests()) groups_with_requests_.insert(group);
    for (Participant* participant : given_up) {
      if (participant->FindMembership(group) != nullptr) Leave(group, *participant);
    }
  }
  turns_.GoOn();
}

}  // namespace edge
