// "Drain, then flush": a stream that got something to write during a turn of the loop writes once,
// at the end of the turn.
#pragma once

#include <vector>

namespace channel {

class FlushList;

// An object that is flushed at the end of a turn. Loop thread only.
class Flushable {
 public:
  Flushable() = default;
  Flushable(const Flushable&) = delete;
  Flushable& operator=(const Flushable&) = delete;
  virtual ~Flushable() = default;

 private:
  friend class FlushList;
  // Called once at the end of a turn in which it was marked. It may mark others, and destroy
  // itself.
  virtual void Flush() = 0;
  bool dirty_ = false;
};

class FlushList {
 public:
  // A marked object must stay alive until its Flush.
  void Mark(Flushable* object) {
    if (object->dirty_) return;
    object->dirty_ = true;
    dirty_.push_back(object);
  }

  void FlushAll() {
    while (!dirty_.empty()) {
      turn_.swap(dirty_);
      for (Flushable* object : turn_) {
        object->dirty_ = false;
        object->Flush();
      }
      turn_.clear();
    }
  }

 private:
  std::vector<Flushable*> dirty_;
  std::vector<Flushable*> turn_;
};

}  // namespace channel
