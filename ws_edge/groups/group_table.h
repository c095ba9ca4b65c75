// The groups that have members on this edge, and the commands of clients on them.
//
// Owned by the edge server; loop thread only. Joins and leaves are local; the first member of a
// group subscribes to it upstream, the last one to go unsubscribes. CommandTurns decides when a
// command is carried out and answered, Sends has what goes upstream. Bounds:
// groups_per_connection_max, kGroupsMax; the groups' recent publications recent_bytes_max.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "channel_service/base/clock.h"
#include "ws_edge/groups/command_turns.h"
#include "ws_edge/groups/context.h"
#include "ws_edge/groups/sends.h"
#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/protocol/client.h"
#include "ws_edge/protocol/command.h"
#include "ws_edge/upstream/link.h"

namespace edge {

class GroupTable final : public Link::Observer, private CommandTurns::Executor {
 public:
  GroupTable(const EdgeLimits& limits, EdgeMetrics& metrics, const channel::Clock& clock,
             Link& link);
  ~GroupTable();

  // Takes a client's command on a group; answers and errors go to the client.
  void OnCommand(Client& client, Command&& command);
  // Ends the client, whose connection is over. Its sends are published all the same.
  void LeaveAll(Client& client);

  // Returns the number of groups that the client is in.
  size_t GroupsOf(const Client& client) const;

  // Link::Observer
  void OnPublishAnswer(const Sender& sender, const PublishAnswer& answer) override;
  void OnTurnEnd() override;

  // Goes on with requests and commands that wait, and refuses those that have waited too long. A
  // few times a second.
  void OnTick();

 private:
  Group* Find(std::string_view group_id);
  Group* FindOrAdd(std::string_view group_id);

  // CommandTurns::Executor
  bool BeginInTurn(Participant& participant, const Command& command,
                   channel::SteadyTime came_at) override;
  void Send(Participant& participant, Command&& command, uint64_t number,
            channel::SteadyTime came_at) override;

  bool Join(Participant& participant, const Command& command, channel::SteadyTime came_at);
  bool History(Participant& participant, const Command& command, channel::SteadyTime came_at);
  void Leave(Participant& participant, const Command& command);
  void Leave(Group* group, Participant& participant);
  void VisitChanged();

  GroupsContext context_;
  absl::flat_hash_map<std::string_view, std::unique_ptr<Group>> group_by_id_;
  absl::flat_hash_set<Group*> groups_with_requests_;
  Sends sends_;
  CommandTurns turns_;
};

}  // namespace edge
