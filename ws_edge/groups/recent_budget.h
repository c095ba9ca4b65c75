// Counts the recent publications that all groups of an edge hold, and knows which group to take
// them from when they are too many: the one whose newest is the oldest.
//
// Owned by the group table; loop thread only.
#pragma once

#include <cstddef>
#include <list>

namespace edge {

class Group;

class RecentBudget {
 public:
  // A group's place in the order of use; its group keeps it.
  using Place = std::list<Group*>::iterator;

  // The group holds `now` bytes instead of `before`, and was used last.
  void Change(Group* group, size_t before, size_t now, Place* place) {
    bytes_ = bytes_ - before + now;
    if (before > 0 && now > 0) {
      by_use_.splice(by_use_.end(), by_use_, *place);
    } else if (now > 0) {
      *place = by_use_.insert(by_use_.end(), group);
    } else if (before > 0) {
      by_use_.erase(*place);
    }
  }

  // Returns the group that was used longest ago if all hold more than `bytes_max`, otherwise null.
  Group* OldestBeyond(size_t bytes_max) const {
    return bytes_ > bytes_max ? by_use_.front() : nullptr;
  }

 private:
  size_t bytes_ = 0;
  std::list<Group*> by_use_;  // those that hold some
};

}  // namespace edge
