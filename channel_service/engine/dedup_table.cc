#include "channel_service/engine/dedup_table.h"

#include <algorithm>
#include <functional>

#include "channel_service/limits.h"

namespace channel {
namespace {

// The group id's length comes first, so that no two (group, key) pairs have the same name.
std::string NameOf(const PublishInput& input) {
  std::string name(1, static_cast<char>(input.group_id.size()));
  name.append(input.group_id).append(input.key);
  return name;
}

// Text, JSON and bytes with the same content are different bodies.
size_t HashOf(const PublishInput& input) {
  return std::hash<std::string_view>{}(input.body) * 3 + static_cast<size_t>(input.kind);
}

}  // namespace

std::optional<PublishOutcome> DedupTable::Find(const PublishInput& input) {
  if (!input.publisher.empty() && input.sequence != 0) {
    const Publisher* publisher = FindPublisher(input.publisher);
    if (publisher != nullptr && input.sequence <= publisher->newest_sequence &&
        publisher->newest_sequence - input.sequence < kPublisherAnswersMax) {
      const uint64_t offset = publisher->offsets[input.sequence % kPublisherAnswersMax];
      // Offset 0: that sequence was refused before, so it may be tried again.
      if (offset != 0) return PublishOutcome{PublishCode::kDuplicate, offset};
    }
  }
  if (input.key.empty()) return std::nullopt;
  const auto found = keys_.find(NameOf(input));
  if (found != keys_.end()) {
    const bool same = found->second.body_hash == HashOf(input);
    return PublishOutcome{same ? PublishCode::kDuplicate : PublishCode::kKeyConflict,
                          found->second.offset};
  }
  if (keys_.size() >= keys_max_) return PublishOutcome{PublishCode::kOverloaded, 0};
  return std::nullopt;
}

void DedupTable::Remember(const PublishInput& input, uint64_t offset, SteadyTime now) {
  if (!input.publisher.empty() && input.sequence != 0) {
    Publisher* publisher = FindPublisher(input.publisher);
    if (publisher == nullptr) {
      if (publishers_.size() >= kPublishersMax) {
        publisher_by_name_.erase(publishers_.back().name);
        publishers_.pop_back();
      }
      publishers_.push_front({std::string(input.publisher), 0, {}});
      publisher_by_name_[publishers_.front().name] = publishers_.begin();
      publisher = &publishers_.front();
      publisher->offsets.resize(kPublisherAnswersMax, 0);
    }
    if (input.sequence + kPublisherAnswersMax <= publisher->newest_sequence) return;  // too old
    // Sequences that were skipped have no offset; their places hold those of an older round.
    const uint64_t skipped_from = publisher->newest_sequence + 1;
    if (input.sequence > skipped_from) {
      if (input.sequence - skipped_from >= kPublisherAnswersMax) {
        publisher->offsets.assign(kPublisherAnswersMax, 0);
      } else {
        for (uint64_t s = skipped_from; s < input.sequence; ++s) {
          publisher->offsets[s % kPublisherAnswersMax] = 0;
        }
      }
    }
    publisher->offsets[input.sequence % kPublisherAnswersMax] = offset;
    publisher->newest_sequence = std::max(publisher->newest_sequence, input.sequence);
  }
  if (!input.key.empty()) {
    std::string name = NameOf(input);
    keys_[name] = Key{offset, HashOf(input)};
    expiries_.push_back({now + window_, std::move(name)});
  }
}

void DedupTable::OnTick(SteadyTime now) {
  while (!expiries_.empty() && expiries_.front().at <= now) {
    keys_.erase(expiries_.front().name);
    expiries_.pop_front();
  }
}

DedupTable::Publisher* DedupTable::FindPublisher(std::string_view name) {
  if (!publishers_.empty() && publishers_.front().name == name) return &publishers_.front();
  const auto found = publisher_by_name_.find(name);
  if (found == publisher_by_name_.end()) return nullptr;
  publishers_.splice(publishers_.begin(), publishers_, found->second);
  return &*found->second;
}

}  // namespace channel
