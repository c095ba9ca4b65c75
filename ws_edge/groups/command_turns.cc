#include "ws_edge/groups/command_turns.h"

#include <spdlog/fmt/fmt.h>

#include <utility>
#include <vector>

namespace edge {
namespace {

constexpr std::string_view kQueueFull =
    "too much is waiting for the channel service; try again later";
constexpr std::string_view kNotBegun =
    "what this connection asked of the group before was not answered in time";

}  // namespace

void CommandTurns::Add(Participant& participant, Command&& command) {
  const channel::SteadyTime now = context_.clock.Now();
  const bool send = command.kind == CommandKind::kSendToGroup;
  const bool plain = participant.client.dialect() == Dialect::kPlain;
  GroupCommands* const commands = plain ? nullptr : participant.commands.Find(command.group_id);
  const bool waits = commands != nullptr && (send ? commands->has_waiting() : !commands->empty());
  if (send && !context_.send_budget.Take(participant.client, participant.sends, command.bytes())) {
    context_.metrics.publications_refused.Increment();
    Refuse(participant, command, ErrorCode::kUnavailable, kQueueFull);
  } else if (waits) {
    Defer(participant, *commands, std::move(command));
  } else if (send) {
    const bool answered = !plain && !command.id.empty();
    const uint64_t number = answered ? ++last_number_ : 0;
    if (answered) {
      participant.commands.FindOrAdd(command.group_id).Push({.number = number, .send = true});
    }
    executor_.Send(participant, std::move(command), number, now);
  } else if (!executor_.BeginInTurn(participant, command, now) && !plain) {
    participant.commands.FindOrAdd(command.group_id)
        .Push({.number = ++last_number_, .send = false});
  }
  GoOn();
}

void CommandTurns::Refuse(Participant& participant, const Command& command, ErrorCode code,
                          std::string_view why) {
  GroupCommands* const commands = participant.commands.Find(command.group_id);
  if (commands == nullptr) {
    participant.client.SendError(code, why, command.id, command.group_id);
    return;
  }
  commands->Push({.number = ++last_number_,
                  .send = command.kind == CommandKind::kSendToGroup,
                  .answered = true,
                  .answer = participant.client.MakeError(code, why, command.id, command.group_id)});
  CloseIfSlow(participant);
}

// The command waits, if it may.
void CommandTurns::Defer(Participant& participant, GroupCommands& commands, Command&& command) {
  const bool send = command.kind == CommandKind::kSendToGroup;
  const size_t waiting = participant.commands.bytes().waiting;
  if (!send && commands.in_turn_count() >= kWaitingRequestsMax) {
    Refuse(participant, command, ErrorCode::kLimitExceeded,
           fmt::format("{} commands of this group wait already", kWaitingRequestsMax));
    return;
  }
  if (!send && waiting > 0 &&
      waiting + command.bytes() > context_.limits.session_queue_bytes_max / 2) {
    Refuse(participant, command, ErrorCode::kLimitExceeded,
           fmt::format("{} bytes of commands of this connection wait already", waiting));
    return;
  }
  clients_that_wait_.insert(participant.client.id());
  commands.Push({.number = ++last_number_,
                 .send = send,
                 .command = std::make_unique<Command>(std::move(command)),
                 .came_at = context_.clock.Now()});
}

void CommandTurns::CloseIfSlow(Participant& participant) {
  const size_t bytes = participant.commands.bytes().held + participant.client.queued_bytes();
  if (bytes > context_.limits.session_queue_bytes_max) participant.client.CloseAsSlow();
}

void CommandTurns::RefuseOverdue() {
  const channel::SteadyTime oldest = context_.clock.Now() - context_.limits.publish_timeout;
  const std::vector<uint64_t> ids(clients_that_wait_.begin(), clients_that_wait_.end());
  for (const uint64_t id : ids) {
    Participant* const participant = context_.participants.Find(id);
    if (participant == nullptr || participant->commands.bytes().waiting == 0) {
      clients_that_wait_.erase(id);
      continue;
    }
    for (const std::string& group_id : participant->commands.GroupsThatWait()) {
      GroupCommands& commands = *participant->commands.Find(group_id);
      uint64_t number = 0;
      while (const auto command = commands.TakeOverdueSend(oldest, &number)) {
        sends_.Refuse({id, command->id, group_id, number, command->bytes()},
                      ErrorCode::kUnavailable, kNotBegun);
      }
    }
  }
}

void CommandTurns::GoOn() {
  if (context_.answered.empty() || std::exchange(going_on_, true)) return;
  for (size_t i = 0; i < context_.answered.size(); ++i) {  // more may come meanwhile
    GroupsContext::Answered answered = std::move(context_.answered[i]);
    Participant* const participant = context_.participants.Find(answered.client_id);
    GroupCommands* const commands =
        participant == nullptr ? nullptr : participant->commands.Find(answered.group_id);
    if (commands == nullptr) continue;
    commands->Answer(answered.number, std::move(answered.frame));
    GoOn(*participant, answered.group_id);
  }
  context_.answered.clear();
  going_on_ = false;
}

// Gives the answers whose turn it is, and begins the commands that may begin then.
void CommandTurns::GoOn(Participant& participant, const std::string& group_id) {
  GroupCommands& commands = *participant.commands.Find(group_id);
  do {
    while (!commands.empty() && commands.front().answered) {
      if (const FramePtr answer = commands.PopAnswered()) participant.client.Deliver(answer);
    }
  } while (BeginWaiting(participant, commands));
  if (commands.empty()) {
    participant.commands.Forget(group_id);
  } else {
    CloseIfSlow(participant);
  }
}

// True if a command began. False: none waits, or the first one has to wait longer.
bool CommandTurns::BeginWaiting(Participant& participant, GroupCommands& commands) {
  if (!commands.has_waiting()) return false;
  const bool send = commands.first_waiting().send;
  if (!send && !commands.front_waits()) return false;
  GroupCommands::Entry& entry = commands.first_waiting();
  const uint64_t number = entry.number;
  const channel::SteadyTime came_at = entry.came_at;
  Command command = commands.BeginFirstWaiting();
  if (!send) {
    if (executor_.BeginInTurn(participant, command, came_at)) commands.Answer(number, nullptr);
    return true;
  }
  const bool silent = command.id.empty();
  if (silent) commands.Answer(number, nullptr);
  executor_.Send(participant, std::move(command), silent ? 0 : number, came_at);
  return true;
}

}  // namespace edge
