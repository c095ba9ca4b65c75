// When a client's command is carried out, and when its answer is given: in the order of the
// commands of its group (command_order.h has the rules).
//
// Owned by the group table, which carries commands out; loop thread only. The plain dialect has no
// answers, but for errors at once, so its commands have no turns. Bounds: those of command_order.h;
// for sends those of SendBudget, and publish_timeout.
#pragma once

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "channel_service/base/clock.h"
#include "ws_edge/groups/context.h"
#include "ws_edge/groups/sends.h"
#include "ws_edge/protocol/command.h"

namespace edge {

class CommandTurns {
 public:
  class Executor {
   public:
    // Carries a join, a leave or a history out. True: it is answered; otherwise its answer comes to
    // GroupsContext::answered.
    virtual bool BeginInTurn(Participant& participant, const Command& command,
                             channel::SteadyTime came_at) = 0;
    // Publishes. The answer is for entry `number`; 0: none is wanted.
    virtual void Send(Participant& participant, Command&& command, uint64_t number,
                      channel::SteadyTime came_at) = 0;

   protected:
    ~Executor() = default;
  };

  // All outlive this.
  CommandTurns(GroupsContext& context, Sends& sends, Executor& executor)
      : context_(context), sends_(sends), executor_(executor) {}

  // Carries the command out now, or when its turn comes.
  void Add(Participant& participant, Command&& command);
  // Refuses sends that have waited too long. (A join and a history are, when they begin: CatchUp.)
  void RefuseOverdue();
  // Gives the answers whose turn it is, and begins what may begin then. Last in each call from
  // outside: what begins here may take groups with it.
  void GoOn();

 private:
  void Defer(Participant& participant, GroupCommands& commands, Command&& command);
  // Gives the error in its turn.
  void Refuse(Participant& participant, const Command& command, ErrorCode code,
              std::string_view why);
  // Answers that are held and frames that wait are bounded together.
  void CloseIfSlow(Participant& participant);
  void GoOn(Participant& participant, const std::string& group_id);
  bool BeginWaiting(Participant& participant, GroupCommands& commands);

  GroupsContext& context_;
  Sends& sends_;
  Executor& executor_;
  absl::flat_hash_set<uint64_t> clients_that_wait_;  // ids; some wait no longer
  uint64_t last_number_ = 0;                         // of a GroupCommands::Entry
  bool going_on_ = false;
};

}  // namespace edge
