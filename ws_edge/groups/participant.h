// One client's part in groups: the groups that it is in, and its commands that are not answered
// yet. The groups are in group.h, the members' positions in members.h.
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "ws_edge/groups/command_order.h"
#include "ws_edge/groups/send_budget.h"
#include "ws_edge/protocol/client.h"

namespace edge {

class Group;

// Made with a client's first command, gone when its connection is over.
struct Participant {
  // The place in the group's list of members; kept by Members, which owns the relation.
  struct Membership {
    Group* group;
    uint32_t place;
  };

  explicit Participant(Client& its_client) : client(its_client) {}

  // Null if it is not in the group, which need not be there any more.
  Membership* FindMembership(const Group* group) {
    for (Membership& membership : memberships) {
      if (membership.group == group) return &membership;
    }
    return nullptr;
  }

  Client& client;
  absl::InlinedVector<Membership, 1> memberships = {};
  CommandOrder commands = {};
  SendShare sends = {};
};

// By the clients' ids.
class Participants {
 public:
  Participant& FindOrAdd(Client& client) {
    std::unique_ptr<Participant>& found = by_id_[client.id()];
    if (found == nullptr) found = std::make_unique<Participant>(client);
    return *found;
  }
  // Null if the client is gone, or has asked for nothing yet.
  Participant* Find(uint64_t client_id) const {
    const auto found = by_id_.find(client_id);
    return found == by_id_.end() ? nullptr : found->second.get();
  }
  void Remove(uint64_t client_id) { by_id_.erase(client_id); }

 private:
  absl::flat_hash_map<uint64_t, std::unique_ptr<Participant>> by_id_;
};

}  // namespace edge
