#include "ws_edge/groups/sends.h"

#include <utility>

#include "channel_service/base/strings.h"
#include "ws_edge/groups/group.h"
#include "ws_edge/protocol/encode.h"

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

void Sends::Send(uint64_t client_id, Group* group, Command&& command, uint64_t number,
                 channel::SteadyTime came_at) {
  if (group == nullptr || group->confirmed()) {
    Forward(client_id, std::move(command), number, came_at);
  } else {
    waiting_[group].push_back({client_id, std::move(command), number, came_at});
  }
}

void Sends::Forward(uint64_t client_id, Command&& command, uint64_t number,
                    channel::SteadyTime came_at) {
  const size_t bytes = command.bytes();
  context_.link.Publish(
      {command.message_kind, std::move(command.message), std::move(command.key), came_at},
      {client_id, std::move(command.id), std::move(command.group_id), number, bytes});
}

void Sends::ForwardWaiting(Group* group) {
  auto waiting = waiting_.extract(group);
  if (waiting.empty()) return;
  for (Waiting& send : waiting.mapped()) {
    Forward(send.client_id, std::move(send.command), send.number, send.since);
  }
}

void Sends::RefuseOverdue() {
  const channel::SteadyTime oldest = context_.clock.Now() - context_.limits.publish_timeout;
  for (auto& [group, sends] : waiting_) {
    while (!sends.empty() && sends.front().since < oldest) {
      const Waiting send = std::move(sends.front());
      sends.pop_front();
      Refuse({send.client_id, send.command.id, send.command.group_id, send.number,
              send.command.bytes()},
             ErrorCode::kUnavailable, "the channel service could not be reached in time");
    }
  }
}

void Sends::GiveBack(const Sender& sender) {
  if (Participant* const participant = context_.participants.Find(sender.client_id)) {
    context_.send_budget.GiveBack(participant->client, participant->sends, sender.bytes);
  } else {
    context_.send_budget.GiveBack(sender.bytes);
  }
}

void Sends::Refuse(const Sender& sender, ErrorCode code, std::string_view why) {
  GiveBack(sender);
  context_.metrics.publications_refused.Increment();
  Participant* const participant = context_.participants.Find(sender.client_id);
  if (participant == nullptr) return;
  Client& client = participant->client;
  if (sender.number == 0) {
    client.SendError(code, why, sender.command_id, sender.group_id);
    return;
  }
  context_.answered.push_back({sender.client_id, sender.group_id, sender.number,
                               client.MakeError(code, why, sender.command_id, sender.group_id)});
}

void Sends::OnAnswer(const Sender& sender, const PublishAnswer& answer) {
  if (!answer.status.ok()) {
    Refuse(sender, ToErrorCode(answer), channel::MessageOf(answer.status));
    return;
  }
  GiveBack(sender);
  context_.metrics.publications_accepted.Increment();
  if (sender.number == 0) return;
  const GroupAnswer sent{sender.command_id, sender.group_id, answer.position.epoch,
                         answer.position.offset};
  context_.answered.push_back(
      {sender.client_id, sender.group_id, sender.number, EncodeSent(sent, answer.duplicate)});
}

}  // namespace edge
