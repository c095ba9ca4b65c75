#include "channel_service/engine/key_table.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "absl/hash/hash.h"
#include "channel_service/base/heap.h"
#include "channel_service/base/strings.h"

namespace channel {

struct KeyTable::Key {
  Key* next_in_bucket;
  Key* next_by_age;
  Used used;
  SteadyTime used_at;
  uint32_t hash;
  uint16_t group_bytes;
  uint16_t key_bytes;
  // The group's id and the key follow.

  char* text() { return reinterpret_cast<char*>(this + 1); }
  std::string_view group_id() const {
    return {reinterpret_cast<const char*>(this + 1), group_bytes};
  }
  std::string_view key() const {
    return {reinterpret_cast<const char*>(this + 1) + group_bytes, key_bytes};
  }
  // A table has up to two buckets for each key.
  size_t HeldBytes() const {
    return HeapBytes(sizeof(Key) + group_bytes + key_bytes) + 2 * sizeof(void*);
  }
};

KeyTable::~KeyTable() {
  while (oldest_ != nullptr) ::operator delete(std::exchange(oldest_, oldest_->next_by_age));
}

// Seeded anew in each process: a client cannot choose keys that share a bucket.
uint32_t KeyTable::HashOf(std::string_view group_id, std::string_view key) {
  return static_cast<uint32_t>(absl::HashOf(ToAbsl(group_id), ToAbsl(key)));
}

// With n buckets, of which the first 2^k have been there longest, a hash counts modulo 2^(k+1), or
// modulo 2^k where that bucket is not there yet.
size_t KeyTable::BucketOf(uint32_t hash) const {
  const size_t mask = std::bit_ceil(buckets_.size()) - 1;
  const size_t bucket = hash & mask;
  return bucket < buckets_.size() ? bucket : bucket & (mask >> 1);
}

const KeyTable::Used* KeyTable::Find(std::string_view group_id, std::string_view key) const {
  if (buckets_.empty()) return nullptr;
  const uint32_t hash = HashOf(group_id, key);
  for (const Key* held = buckets_[BucketOf(hash)]; held != nullptr; held = held->next_in_bucket) {
    if (held->hash == hash && held->group_id() == group_id && held->key() == key) {
      return &held->used;
    }
  }
  return nullptr;
}

void KeyTable::Add(std::string_view group_id, std::string_view key, Used used, SteadyTime now) {
  void* const memory = ::operator new(sizeof(Key) + group_id.size() + key.size());
  Key* const added = new (memory) Key{.next_in_bucket = nullptr,
                                      .next_by_age = nullptr,
                                      .used = used,
                                      .used_at = now,
                                      .hash = HashOf(group_id, key),
                                      .group_bytes = static_cast<uint16_t>(group_id.size()),
                                      .key_bytes = static_cast<uint16_t>(key.size())};
  std::copy(group_id.begin(), group_id.end(), added->text());
  std::copy(key.begin(), key.end(), added->text() + group_id.size());
  if (buckets_.size() <= size_) AddBucket();
  Key*& bucket = buckets_[BucketOf(added->hash)];
  added->next_in_bucket = bucket;
  bucket = added;
  (oldest_ == nullptr ? oldest_ : newest_->next_by_age) = added;
  newest_ = added;
  ++size_;
  bytes_ += added->HeldBytes();
  while (bytes_ > bytes_max_ && size_ > 1) {
    dropped_through_ = oldest_->used_at;
    RemoveOldest();
  }
}

void KeyTable::OnTick(SteadyTime now) {
  while (oldest_ != nullptr && oldest_->used_at + window_ <= now) RemoveOldest();
}

std::chrono::milliseconds KeyTable::window(SteadyTime now) const {
  // Not the other way round: nothing can be subtracted from the least time.
  if (dropped_through_ <= now - window_) return window_;
  return std::chrono::duration_cast<std::chrono::milliseconds>(now - dropped_through_);
}

void KeyTable::AddBucket() {
  const size_t added = buckets_.size();
  buckets_.push_back(nullptr);
  if (added == 0) return;
  // Its keys were in the bucket that differs in the highest bit.
  Key** at = &buckets_[added - std::bit_floor(added)];
  while (*at != nullptr) {
    Key* const key = *at;
    if (BucketOf(key->hash) != added) {
      at = &key->next_in_bucket;
      continue;
    }
    *at = key->next_in_bucket;
    key->next_in_bucket = buckets_[added];
    buckets_[added] = key;
  }
}

void KeyTable::RemoveBucket() {
  Key* moved = buckets_.back();
  buckets_.pop_back();
  while (moved != nullptr) {
    Key* const key = std::exchange(moved, moved->next_in_bucket);
    Key*& bucket = buckets_[BucketOf(key->hash)];
    key->next_in_bucket = bucket;
    bucket = key;
  }
}

void KeyTable::RemoveOldest() {
  Key* const removed = oldest_;
  Key** at = &buckets_[BucketOf(removed->hash)];
  while (*at != removed) at = &(*at)->next_in_bucket;
  *at = removed->next_in_bucket;
  oldest_ = removed->next_by_age;
  --size_;
  bytes_ -= removed->HeldBytes();
  ::operator delete(removed);
  if (buckets_.size() > 2 * size_ && buckets_.size() > 1) RemoveBucket();
}

}  // namespace channel
