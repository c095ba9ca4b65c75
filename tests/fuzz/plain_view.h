// The messages that a plain client may be given: bare messages of the groups that it has joined, in
// the order of the log, none twice, and none left out, unless the service has announced a gap to
// its edge (the plain dialect has no word for it).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/fuzz/sim_service.h"

namespace fuzz {

// Every message is "GROUP NUMBER padding" (or the same as a JSON string in an array): unique.
std::string GroupOfMessage(const std::string& message);

class PlainView {
 public:
  PlainView(std::string name, const SimService& service)
      : name_(std::move(name)), service_(service) {}

  void OnConnected() { groups_.clear(); }
  void OnJoin(const std::string& group, size_t gaps);
  // Only when all has been read: what comes later is of another membership.
  void OnLeave(const std::string& group);
  // `gaps_of`: how many the service has announced to the edge for a group.
  void OnMessage(const std::string& message,
                 const std::function<size_t(const std::string& group)>& gaps_of);
  void CheckComplete() const;

 private:
  struct Place {
    size_t epoch;  // number
    uint64_t offset;
    bool operator<(const Place& other) const {
      return epoch != other.epoch ? epoch < other.epoch : offset < other.offset;
    }
  };
  // A message that was sent again into a new epoch has two places: which of them came is not known.
  struct Guess {
    Place place;
    size_t holes;  // in what came, if the guess is right
  };
  struct Group {
    bool joined = false;
    size_t gaps_before = 0;           // that the edge was told of before it was joined
    std::vector<Guess> guesses = {};  // of what came last since it was joined; empty: nothing yet
  };

  // All places of the message.
  std::vector<Place> Find(const std::string& group, const std::string& message) const;
  std::vector<Guess> Follow(const std::string& group, const std::vector<Guess>& before,
                            const std::vector<Place>& places, size_t holes_max) const;

  const std::string name_;
  const SimService& service_;
  std::map<std::string, Group> groups_;  // joined on this connection, or left since
};

}  // namespace fuzz
