// Clients' sends to groups on their way upstream, and the answers to them.
//
// "A join takes effect before a later send": what is sent to a group whose subscription is not
// confirmed yet waits for that, in order. Owned by the group table; loop thread only. Bounds: those
// of SendBudget, and publish_timeout from the command on; then the sender is told `unavailable`.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/clock.h"
#include "ws_edge/groups/context.h"
#include "ws_edge/protocol/command.h"
#include "ws_edge/protocol/error_code.h"
#include "ws_edge/upstream/publisher.h"

namespace edge {

class Sends {
 public:
  explicit Sends(GroupsContext& context) : context_(context) {}

  // `group`: that of the command, null if nobody here is in it. `number`: see Sender. The budget
  // was taken; it is given back with the answer.
  void Send(uint64_t client_id, Group* group, Command&& command, uint64_t number,
            channel::SteadyTime came_at);
  // The group is confirmed, or nobody is left who would have to see what waits.
  void ForwardWaiting(Group* group);
  void RefuseOverdue();
  void Refuse(const Sender& sender, ErrorCode code, std::string_view why);
  void OnAnswer(const Sender& sender, const PublishAnswer& answer);

 private:
  struct Waiting {
    uint64_t client_id;
    Command command;
    uint64_t number;
    channel::SteadyTime since;
  };

  void Forward(uint64_t client_id, Command&& command, uint64_t number, channel::SteadyTime came_at);
  void GiveBack(const Sender& sender);

  GroupsContext& context_;
  absl::flat_hash_map<Group*, std::deque<Waiting>> waiting_;
};

}  // namespace edge
