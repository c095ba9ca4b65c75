// The commands of one client that are not answered yet, of each group in the order in which they
// came: what makes "answers come in the order of the commands of their group" true.
//
// Sends are pipelined, and an answer that comes before its turn is held. A join, a leave and a
// history begin when all before them are answered, and what follows one that has not begun waits
// with it; so each finds what the commands before it have made, and publications that are delivered
// never wait for an answer. Owned by its participant; loop thread only. CommandTurns fills and
// bounds it: kWaitingRequestsMax joins, leaves and histories of a group; those that
// wait, by half of session_queue_bytes_max; sends, by SendBudget and publish_timeout; the answers
// that are held, with the client's queue, by session_queue_bytes_max.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/clock.h"
#include "channel_service/base/strings.h"
#include "ws_edge/net/frame.h"
#include "ws_edge/protocol/command.h"

namespace edge {

// Bytes that the commands of a client take, of all groups.
struct CommandBytes {
  size_t waiting = 0;  // commands that have not begun
  size_t held = 0;     // answers whose turn has not come
};

// The commands of one group.
class GroupCommands {
 public:
  struct Entry {
    uint64_t number;  // larger than that of each entry before
    bool send;
    bool answered = false;
    FramePtr answer = nullptr;                   // to be given in its turn; null: given, or none is
    std::unique_ptr<Command> command = nullptr;  // until it begins
    channel::SteadyTime came_at = {};
    bool begun() const { return command == nullptr; }
  };

  // `bytes` are the client's; they must outlive this.
  explicit GroupCommands(CommandBytes& bytes) : bytes_(bytes) {}

  bool empty() const { return first_ == entries_.size(); }
  Entry& front() { return entries_[first_]; }
  // Joins, leaves and histories.
  size_t in_turn_count() const { return in_turn_count_; }
  // Some have not begun; then the first of them.
  bool has_waiting() const { return waiting_ < entries_.size(); }
  Entry& first_waiting() { return entries_[waiting_]; }
  bool front_waits() const { return waiting_ == first_ && has_waiting(); }

  void Push(Entry entry);
  // Takes the command of the first that waits: it begins.
  Command BeginFirstWaiting();
  // Takes the oldest send that has not begun and came before `oldest`; the caller answers entry
  // `*number`.
  std::optional<Command> TakeOverdueSend(channel::SteadyTime oldest, uint64_t* number);
  // The answer to entry `number`; 0: to the first one. Ignored if the entry was dropped.
  void Answer(uint64_t number, FramePtr answer);
  // The first is answered: drops it and gives its answer, which may be null.
  FramePtr PopAnswered();

 private:
  Command Take(Entry& entry);

  std::vector<Entry> entries_;  // from first_ on
  size_t first_ = 0;
  size_t waiting_ = 0;
  size_t in_turn_count_ = 0;
  CommandBytes& bytes_;
};

class CommandOrder {
 public:
  // Null if every command of the group is answered.
  GroupCommands* Find(std::string_view group_id);
  GroupCommands& FindOrAdd(std::string_view group_id);
  void Forget(std::string_view group_id);
  // Empties it; gives the commands that have not begun, of each group in order.
  std::vector<Command> TakeWaiting();
  const CommandBytes& bytes() const { return bytes_; }
  // The groups that have commands which have not begun.
  std::vector<std::string> GroupsThatWait() const;

 private:
  using Table = absl::flat_hash_map<std::string, std::unique_ptr<GroupCommands>,
                                    channel::StringHash, channel::StringEq>;
  std::unique_ptr<Table> table_;  // null when it is empty: most clients send seldom
  CommandBytes bytes_;
};

}  // namespace edge
