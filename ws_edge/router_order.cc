// When a session's command is carried out, and when its answer is given: see command_order.h.
#include <spdlog/fmt/fmt.h>

#include <utility>

#include "ws_edge/router.h"
#include "ws_edge/session.h"

namespace edge {
namespace {

constexpr std::string_view kNotBegun =
    "what this connection asked of the group before was not answered in time";

}  // namespace

// The command waits. If it may not, its answer says why, in its turn.
void Router::Defer(Session* session, GroupCommands& commands, Command command) {
  GroupCommands::Entry entry{.number = ++last_number_,
                             .send = command.kind == CommandKind::kSendToGroup,
                             .came_at = clock_.Now()};
  const auto refuse = [&](ErrorCode code, std::string_view why) {
    entry.answered = true;
    entry.answer = session->MakeError(code, why, command.id, command.group_id);
  };
  const size_t bytes = command.bytes();
  const size_t waiting = session->commands().bytes().waiting;
  const bool fits = waiting == 0 || waiting + bytes <= limits_.session_queue_bytes_max / 2;
  if (entry.send && (!fits || waiting_bytes_ + bytes > limits_.publish_queue_bytes_max)) {
    metrics_.publications_refused.Increment();
    refuse(ErrorCode::kUnavailable, kQueueFull);
  } else if (!entry.send && commands.local_count() >= kWaitingRequestsMax) {
    refuse(ErrorCode::kLimitExceeded,
           fmt::format("{} commands of this group wait already", kWaitingRequestsMax));
  } else if (!fits) {
    refuse(ErrorCode::kLimitExceeded,
           fmt::format("{} bytes of commands of this connection wait already", waiting));
  } else {
    if (entry.send) waiting_bytes_ += bytes;
    entry.command = std::make_unique<Command>(std::move(command));
    sessions_that_wait_.insert(session->id());
  }
  commands.Push(std::move(entry));
  CloseIfSlow(session);
}

void Router::CloseIfSlow(Session* session) {
  const size_t bytes = session->commands().bytes().held + session->queued_bytes();
  if (bytes > limits_.session_queue_bytes_max) session->CloseAsSlow();
}

// A join and a history that are overdue are refused when they begin, see Group::OnTick.
void Router::RefuseOverdueCommands() {
  const channel::SteadyTime oldest = clock_.Now() - limits_.publish_timeout;
  const std::vector<uint64_t> ids(sessions_that_wait_.begin(), sessions_that_wait_.end());
  for (const uint64_t id : ids) {
    Session* const session = find_session_(id);
    if (session == nullptr || session->commands().bytes().waiting == 0) {
      sessions_that_wait_.erase(id);
      continue;
    }
    for (const std::string& group_id : session->commands().GroupsThatWait()) {
      GroupCommands& commands = *session->commands().Find(group_id);
      uint64_t number = 0;
      while (const auto command = commands.TakeOverdueSend(oldest, &number)) {
        waiting_bytes_ -= command->bytes();
        Refuse({id, command->id, group_id, number}, ErrorCode::kUnavailable, kNotBegun);
      }
    }
  }
}

// Last in each call from outside: what begins here may take groups with it.
void Router::GoOn() {
  if (group_context_.answered.empty() || std::exchange(going_on_, true)) return;
  for (size_t i = 0; i < group_context_.answered.size(); ++i) {  // more may come meanwhile
    GroupContext::Answered answered = std::move(group_context_.answered[i]);
    Session* const session = find_session_(answered.session_id);
    GroupCommands* const commands =
        session == nullptr ? nullptr : session->commands().Find(answered.group_id);
    if (commands == nullptr) continue;
    commands->Answer(answered.number, std::move(answered.frame));
    GoOn(session, answered.group_id);
  }
  group_context_.answered.clear();
  going_on_ = false;
}

// Gives the answers whose turn it is, and begins the commands that may begin then.
void Router::GoOn(Session* session, const std::string& group_id) {
  GroupCommands& commands = *session->commands().Find(group_id);
  do {
    while (!commands.empty() && commands.front().answered) {
      if (const FramePtr answer = commands.PopAnswered()) session->Deliver(answer);
    }
  } while (BeginWaiting(session, commands));
  if (commands.empty()) {
    session->commands().Forget(group_id);
  } else {
    CloseIfSlow(session);
  }
}

// True if a command began. False: none waits, or the first one has to wait longer.
bool Router::BeginWaiting(Session* session, GroupCommands& commands) {
  if (!commands.has_waiting()) return false;
  const bool send = commands.first_waiting().send;
  if (!send && !commands.front_waits()) return false;
  GroupCommands::Entry& entry = commands.first_waiting();
  const uint64_t number = entry.number;
  const channel::SteadyTime came_at = entry.came_at;
  Command command = commands.BeginFirstWaiting();
  if (!send) {
    if (BeginLocal(session, command, came_at)) commands.Answer(number, nullptr);
    return true;
  }
  waiting_bytes_ -= command.bytes();
  const bool silent = command.id.empty();
  if (silent) commands.Answer(number, nullptr);
  Send(session->id(), std::move(command), silent ? 0 : number, came_at);
  return true;
}

bool Router::BeginLocal(Session* session, const Command& command, channel::SteadyTime came_at) {
  switch (command.kind) {
    case CommandKind::kAddGroup:
      return Join(session, command, came_at);
    case CommandKind::kHistory:
      return History(session, command, came_at);
    default:
      Leave(session, command);
      return true;
  }
}

}  // namespace edge
