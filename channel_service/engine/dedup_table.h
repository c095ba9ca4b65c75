// Idempotency keys and publishers' sequences: finds publications that were accepted before.
//
// Keys are remembered for a window of time, within a bound in bytes: when the table is full the
// oldest keys are forgotten early and new ones are taken (key_table.h); the log tells it. A
// publisher's newest kPublisherAnswersMax offsets are remembered, for at most kPublishersMax
// publishers. Of the owner that has most of them the least recently used one is forgotten: so
// names that one makes up push none of another's out. Loop thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/clock.h"
#include "channel_service/base/strings.h"
#include "channel_service/engine/engine.h"
#include "channel_service/engine/key_table.h"

namespace channel {

class DedupTable {
 public:
  DedupTable(std::chrono::milliseconds window, size_t key_bytes_max)
      : window_(window), key_bytes_max_(key_bytes_max), keys_(window, key_bytes_max) {}

  // Returns an outcome if the publication must not be published (duplicate, conflict).
  std::optional<PublishOutcome> Find(const PublishInput& input);

  // Called when the publication, which Find did not find, has its offset.
  void Remember(const PublishInput& input, uint64_t offset, SteadyTime now);

  // Forgets keys whose window is over. Warns, once in kWarnInterval, while the window does not
  // hold.
  void OnTick(SteadyTime now);

  // The window that really holds (KeyTable::window).
  std::chrono::milliseconds window(SteadyTime now) const { return keys_.window(now); }

 private:
  static constexpr std::chrono::minutes kWarnInterval{1};

  struct Publisher {
    std::string name;
    uint64_t owner;  // that published first
    uint64_t newest_sequence = 0;
    std::vector<uint64_t>
        offsets;  // ring of kPublisherAnswersMax, index = sequence % size; 0 = none
  };
  using PublisherList = std::list<Publisher>;

  Publisher* FindPublisher(std::string_view name);
  Publisher* AddPublisher(std::string_view name, uint64_t owner);
  void ForgetPublisher();
  void WarnIfShort(SteadyTime now);

  const std::chrono::milliseconds window_;
  const size_t key_bytes_max_;
  KeyTable keys_;
  bool short_ = false;  // the log was told that the window does not hold
  SteadyTime next_warn_ = {};
  // Most recently used first.
  absl::flat_hash_map<uint64_t, PublisherList> publishers_by_owner_;
  Publisher* newest_ = nullptr;  // the last one that was found or added
  absl::flat_hash_map<std::string, PublisherList::iterator, StringHash, StringEq>
      publisher_by_name_;
};

}  // namespace channel
