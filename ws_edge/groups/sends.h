// Clients' sends to groups on their way upstream, and the answers to them.
//
// "A join takes effect before a later send": what is sent to a group whose subscription is not
// confirmed yet waits for that, in order. Owned by the group table; loop thread only. Bounds: what
// waits, publish_queue_bytes_max (together with what waits in CommandTurns) and publish_timeout;
// then the sender is told `unavailable`. The same bounds hold once more in the publisher.
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

inline constexpr std::string_view kQueueFull =
    "too much is waiting for the channel service; try again later";

class Sends {
 public:
  explicit Sends(GroupsContext& context) : context_(context) {}

  // `group`: that of the command, null if nobody here is in it. `number`: see Sender.
  void Send(uint64_t client_id, Group* group, Command command, uint64_t number,
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

  void Forward(uint64_t client_id, Command command, uint64_t number);

  GroupsContext& context_;
  absl::flat_hash_map<Group*, std::deque<Waiting>> waiting_;
};

}  // namespace edge
