// "Write once a turn": the queues that got something to send since the loop last flushed.
//
// The first mark has FlushAll called after all that is ready in this turn; it flushes every marked
// queue with one system call each. What queues need of the loop is asked of the derived class, one
// for all of them, so that a queue has no virtual function of its own. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace edge {

class SendQueue;

class FlushList {
 public:
  FlushList() = default;
  FlushList(const FlushList&) = delete;
  FlushList& operator=(const FlushList&) = delete;

  // Marks a queue that is not marked; returns its place, for Remove.
  uint32_t Add(SendQueue* queue) {
    if (marked_.empty()) FlushAllLater();
    marked_.push_back(queue);
    return static_cast<uint32_t>(marked_.size() - 1);
  }
  // A marked queue that goes away.
  void Remove(size_t place) { marked_[place] = nullptr; }

  // Memory for gathering small frames; free between two sends.
  std::string& scratch() { return scratch_; }

  // The queue's socket takes nothing now: OnWritable is to be called when it does.
  virtual void WaitWritable(SendQueue* queue) = 0;
  // The queue's socket is broken: its reader is to see it too.
  virtual void OnBroken(SendQueue* queue) = 0;

 protected:
  ~FlushList() = default;
  // FlushAll is to be called at the end of this turn.
  virtual void FlushAllLater() = 0;
  void FlushAll();
  // `broken`: the wait ended with an error.
  static void OnWritable(SendQueue* queue, bool broken);

 private:
  std::vector<SendQueue*> marked_;
  std::vector<SendQueue*> turn_;
  std::string scratch_;
};

}  // namespace edge
