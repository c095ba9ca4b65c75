// Idempotency keys and publishers' sequences: finds publications that were accepted before.
//
// Keys are remembered for a window of time and at most `keys_max` of them; when the table is full a
// new key is refused (the promise could not be kept), never an old one forgotten early. A
// publisher's newest kPublisherAnswersMax offsets are remembered; at most kPublishersMax
// publishers, the least recently used is forgotten. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/clock.h"
#include "channel_service/base/strings.h"
#include "channel_service/engine/engine.h"

namespace channel {

class DedupTable {
 public:
  DedupTable(std::chrono::milliseconds window, size_t keys_max)
      : window_(window), keys_max_(keys_max) {}

  // Returns an outcome if the publication must not be published (duplicate, conflict, table full).
  std::optional<PublishOutcome> Find(const PublishInput& input);

  // Called when the publication has its offset.
  void Remember(const PublishInput& input, uint64_t offset, SteadyTime now);

  // Forgets keys whose window is over.
  void OnTick(SteadyTime now);

 private:
  struct Key {
    uint64_t offset;
    size_t body_hash;
  };
  struct Expiry {
    SteadyTime at;
    std::string name;
  };
  struct Publisher {
    std::string name;
    uint64_t newest_sequence = 0;
    std::vector<uint64_t>
        offsets;  // ring of kPublisherAnswersMax, index = sequence % size; 0 = none
  };
  using PublisherList = std::list<Publisher>;

  Publisher* FindPublisher(std::string_view name);

  const std::chrono::milliseconds window_;
  const size_t keys_max_;
  absl::flat_hash_map<std::string, Key, StringHash, StringEq> keys_;  // by group id and key
  std::deque<Expiry> expiries_;                                       // oldest first
  PublisherList publishers_;                                          // most recently used first
  absl::flat_hash_map<std::string, PublisherList::iterator, StringHash, StringEq>
      publisher_by_name_;
};

}  // namespace channel
