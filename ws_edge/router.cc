#include "ws_edge/router.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/base/strings.h"
#include "ws_edge/protocol/encode.h"
#include "ws_edge/session.h"

namespace edge {
namespace {

ErrorCode ToErrorCode(const PublishAnswer& answer) {
  if (answer.retryable) return ErrorCode::kUnavailable;
  switch (answer.status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return ErrorCode::kBadRequest;
    case absl::StatusCode::kResourceExhausted:
      return ErrorCode::kTooLarge;  // the service's limit may be lower than the edge's
    case absl::StatusCode::kAlreadyExists:
      return ErrorCode::kKeyConflict;
    default:
      return ErrorCode::kInternal;
  }
}

}  // namespace

Router::Router(const EdgeLimits& limits, EdgeMetrics& metrics, const channel::Clock& clock,
               Link& link, FindSession find_session)
    : limits_(limits),
      metrics_(metrics),
      clock_(clock),
      link_(link),
      find_session_(std::move(find_session)),
      group_context_{limits, metrics, clock, link.subscriptions()} {}

Router::~Router() = default;

Group* Router::Find(std::string_view group_id) {
  const auto found = group_by_id_.find(group_id);
  return found == group_by_id_.end() ? nullptr : found->second.get();
}

Group* Router::FindOrAdd(std::string_view group_id) {
  if (Group* group = Find(group_id)) return group;
  if (group_by_id_.size() >= kGroupsMax) return nullptr;
  auto owned = std::make_unique<Group>(group_context_, group_id);
  Group* const group = owned.get();
  group_by_id_.emplace(std::string_view(group->id()), std::move(owned));
  metrics_.groups.Increment();
  return group;
}

size_t Router::FindMembership(Session* session, const Group* group) const {
  const auto& memberships = session->memberships();
  const auto found =
      std::find_if(memberships.begin(), memberships.end(),
                   [group](const Session::Membership& m) { return m.group == group; });
  return static_cast<size_t>(found - memberships.begin());
}

void Router::OnCommand(Session* session, Command command) {
  const channel::SteadyTime now = clock_.Now();
  const bool send = command.kind == CommandKind::kSendToGroup;
  if (session->dialect() == Dialect::kPlain) {  // which has no answers, but for errors at once
    if (send) {
      Send(session->id(), std::move(command), 0, now);
    } else {
      BeginLocal(session, command, now);
    }
    GoOn();
    return;
  }
  GroupCommands* const commands = session->commands().Find(command.group_id);
  const bool waits = commands != nullptr && (send ? commands->has_waiting() : !commands->empty());
  if (waits) {
    Defer(session, *commands, std::move(command));
  } else if (!send) {
    if (!BeginLocal(session, command, now)) {
      session->commands()
          .FindOrAdd(command.group_id)
          .Push({.number = ++last_number_, .send = false});
    }
  } else if (command.id.empty()) {
    Send(session->id(), std::move(command), 0, now);
  } else {
    const uint64_t number = ++last_number_;
    session->commands().FindOrAdd(command.group_id).Push({.number = number, .send = true});
    Send(session->id(), std::move(command), number, now);
  }
  GoOn();
}

bool Router::Join(Session* session, const Command& command, channel::SteadyTime came_at) {
  auto& memberships = session->memberships();
  Group* group = Find(command.group_id);
  if (group == nullptr || FindMembership(session, group) == memberships.size()) {
    std::string why;
    if (memberships.size() >= limits_.groups_per_connection_max) {
      why = fmt::format("this connection is in {} groups; more are not allowed here",
                        memberships.size());
    } else if (group = FindOrAdd(command.group_id); group == nullptr) {
      why = fmt::format("clients of this edge are in {} groups; more are not allowed here",
                        kGroupsMax);
    }
    if (!why.empty()) {
      session->SendError(ErrorCode::kLimitExceeded, why, command.id, command.group_id);
      return true;
    }
    memberships.push_back({group, group->AddMember(session)});
    metrics_.memberships.Increment();
  }
  return group->Begin(session, command, came_at);
}

bool Router::History(Session* session, const Command& command, channel::SteadyTime came_at) {
  Group* group = Find(command.group_id);
  if (group == nullptr || FindMembership(session, group) == session->memberships().size()) {
    session->SendError(ErrorCode::kNotJoined, "history is for members; join the group first",
                       command.id, command.group_id);
    return true;
  }
  return group->History(session, command, came_at);
}

void Router::Leave(Session* session, const Command& command) {
  Group* group = Find(command.group_id);
  const size_t membership =
      group == nullptr ? session->memberships().size() : FindMembership(session, group);
  const bool joined = membership < session->memberships().size();
  if (joined) RemoveMember(session, membership);
  if (session->dialect() == Dialect::kPlain) return;
  if (!joined) {
    session->SendError(ErrorCode::kNotJoined, "this connection is not in the group", command.id,
                       command.group_id);
  } else if (!command.id.empty()) {
    session->Deliver(EncodeLeft(command.id, command.group_id));
  }
}

void Router::LeaveAll(Session* session) {
  while (!session->memberships().empty()) RemoveMember(session, session->memberships().size() - 1);
  for (Command& command : session->commands().TakeWaiting()) {
    if (command.kind != CommandKind::kSendToGroup) continue;
    waiting_bytes_ -= command.bytes();
    command.id.clear();
    Send(session->id(), std::move(command), 0, clock_.Now());
  }
  GoOn();
}

void Router::RemoveMember(Session* session, size_t membership) {
  auto& memberships = session->memberships();
  const auto [group, place] = memberships[membership];
  memberships[membership] = memberships.back();
  memberships.pop_back();
  if (memberships.empty()) memberships.shrink_to_fit();
  metrics_.memberships.Decrement();
  if (Session* const moved = group->RemoveMember(place)) {
    moved->memberships()[FindMembership(moved, group)].place = place;
  }
  if (!group->empty()) return;

  ForwardWaiting(group);  // nobody is left who would have to see it
  groups_with_requests_.erase(group);
  metrics_.groups.Decrement();
  group_by_id_.erase(group->id());
}

void Router::Send(uint64_t session_id, Command command, uint64_t number,
                  channel::SteadyTime came_at) {
  Group* group = Find(command.group_id);
  if (group == nullptr || group->confirmed()) {
    Forward(session_id, std::move(command), number);
    return;
  }
  if (waiting_bytes_ + command.bytes() > limits_.publish_queue_bytes_max) {
    Refuse({session_id, command.id, command.group_id, number}, ErrorCode::kUnavailable, kQueueFull);
    return;
  }
  waiting_bytes_ += command.bytes();
  waiting_sends_[group].push_back({session_id, std::move(command), number, came_at});
}

void Router::Forward(uint64_t session_id, Command command, uint64_t number) {
  Sender sender{session_id, std::move(command.id), std::move(command.group_id), number};
  channel::PublishInput input;
  input.group_id = sender.group_id;
  input.kind = command.message_kind;
  input.body = command.message;
  input.key = command.key;
  if (!link_.Publish(input, std::move(sender))) {
    Refuse(sender, ErrorCode::kUnavailable, kQueueFull);
  }
}

void Router::ForwardWaiting(Group* group) {
  auto waiting = waiting_sends_.extract(group);
  if (waiting.empty()) return;
  for (WaitingSend& send : waiting.mapped()) {
    waiting_bytes_ -= send.command.bytes();
    Forward(send.session_id, std::move(send.command), send.number);
  }
}

void Router::Refuse(const Sender& sender, ErrorCode code, std::string_view why) {
  metrics_.publications_refused.Increment();
  Session* session = find_session_(sender.session_id);
  if (session == nullptr) return;
  if (sender.number == 0) {
    session->SendError(code, why, sender.command_id, sender.group_id);
    return;
  }
  group_context_.answered.push_back(
      {sender.session_id, sender.group_id, sender.number,
       session->MakeError(code, why, sender.command_id, sender.group_id)});
}

void Router::OnTurnEnd() {
  VisitChanged();
  GoOn();
}

void Router::VisitChanged() {
  if (group_context_.changed.empty()) return;
  for (Group* group : std::exchange(group_context_.changed, {})) {
    if (group->confirmed()) ForwardWaiting(group);
    if (group->has_requests()) groups_with_requests_.insert(group);
  }
}

void Router::OnPublishAnswer(const Sender& sender, const PublishAnswer& answer) {
  if (!answer.status.ok()) {
    Refuse(sender, ToErrorCode(answer), channel::MessageOf(answer.status));
    return;
  }
  metrics_.publications_accepted.Increment();
  if (sender.number == 0) return;
  const GroupAnswer sent{sender.command_id, sender.group_id, answer.position.epoch,
                         answer.position.offset};
  group_context_.answered.push_back(
      {sender.session_id, sender.group_id, sender.number, EncodeSent(sent, answer.duplicate)});
}

void Router::OnTick() {
  VisitChanged();
  RefuseOverdueSends();
  RefuseOverdueCommands();
  const std::vector<Group*> groups(groups_with_requests_.begin(), groups_with_requests_.end());
  groups_with_requests_.clear();
  for (Group* group : groups) {
    std::vector<Session*> given_up;
    group->OnTick(&given_up);
    if (group->has_requests()) groups_with_requests_.insert(group);
    for (Session* session : given_up) {
      // The last of them takes the group with it.
      const size_t membership = FindMembership(session, group);
      if (membership < session->memberships().size()) RemoveMember(session, membership);
    }
  }
  GoOn();
}

void Router::RefuseOverdueSends() {
  const channel::SteadyTime oldest = clock_.Now() - limits_.publish_timeout;
  for (auto& [group, sends] : waiting_sends_) {
    while (!sends.empty() && sends.front().since < oldest) {
      const WaitingSend send = std::move(sends.front());
      sends.pop_front();
      waiting_bytes_ -= send.command.bytes();
      Refuse({send.session_id, send.command.id, send.command.group_id, send.number},
             ErrorCode::kUnavailable, "the channel service could not be reached in time");
    }
  }
}

}  // namespace edge
