// "Write once a turn": the queues that got something to send since the loop last flushed.
//
// The first mark of a turn schedules FlushAll behind everything that is ready in this turn;
// FlushAll sends what each marked queue holds, with one system call each. The derived class does
// for all queues what they need of the loop, so that a queue has no virtual function of its own.
// Loop thread only.
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
  // Forgets the marked queue at this place, which is being destroyed.
  void Remove(size_t place) { marked_[place] = nullptr; }

  // Memory for gathering small frames; free between two sends.
  std::string& scratch() { return scratch_; }

  // The queue's socket takes nothing now. The derived class calls OnWritable when it does.
  virtual void WaitWritable(SendQueue* queue) = 0;
  // The queue's socket is broken. The derived class makes the socket's reader see it, too.
  virtual void OnBroken(SendQueue* queue) = 0;

 protected:
  ~FlushList() = default;
  // Makes the loop call FlushAll at the end of this turn.
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
