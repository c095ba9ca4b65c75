// Idempotency keys that were used within a window of time, and what was published under them.
//
// The DedupTable owns it; loop thread only. Bounded in bytes, all that a key takes included. In a
// full table the oldest keys go before their time, whose ever they are, and never the new one: so
// one number, window(), says for everybody what is still known. A key is one block of memory, in
// the chain of a bucket and in the list by age. Buckets come and go one at a time (linear hashing):
// no call ever moves all keys.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>

#include "channel_service/base/clock.h"

namespace channel {

class KeyTable {
 public:
  struct Used {
    uint64_t offset;
    size_t body_hash;
  };

  KeyTable(std::chrono::milliseconds window, size_t bytes_max)
      : window_(window), bytes_max_(bytes_max) {}
  ~KeyTable();
  KeyTable(const KeyTable&) = delete;
  KeyTable& operator=(const KeyTable&) = delete;

  // Null if the key is not known in this group. Valid until the next change.
  const Used* Find(std::string_view group_id, std::string_view key) const;
  // Adds a key that is not known. Drops the oldest ones while all take too many bytes.
  void Add(std::string_view group_id, std::string_view key, Used used, SteadyTime now);
  // Forgets keys whose window is over.
  void OnTick(SteadyTime now);

  // All keys that were used within this time before `now` are known: the window that was asked for,
  // or less, if keys had to go before it was over.
  std::chrono::milliseconds window(SteadyTime now) const;
  size_t size() const { return size_; }
  size_t bytes() const { return bytes_; }

 private:
  struct Key;

  static uint32_t HashOf(std::string_view group_id, std::string_view key);
  size_t BucketOf(uint32_t hash) const;
  void AddBucket();
  void RemoveBucket();
  void RemoveOldest();

  const std::chrono::milliseconds window_;
  const size_t bytes_max_;
  std::deque<Key*> buckets_;
  Key* oldest_ = nullptr;
  Key* newest_ = nullptr;
  size_t size_ = 0;
  size_t bytes_ = 0;
  SteadyTime dropped_through_ = SteadyTime::min();  // the newest key that went before its time
};

}  // namespace channel
