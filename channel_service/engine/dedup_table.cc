#include "channel_service/engine/dedup_table.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "channel_service/base/peer_address.h"
#include "channel_service/limits.h"

namespace channel {
namespace {

double Seconds(std::chrono::milliseconds time) { return static_cast<double>(time.count()) / 1000; }

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
  const KeyTable::Used* const used = keys_.Find(input.group_id, input.key);
  if (used == nullptr) return std::nullopt;
  const bool same = used->body_hash == HashOf(input);
  return PublishOutcome{same ? PublishCode::kDuplicate : PublishCode::kKeyConflict, used->offset};
}

void DedupTable::Remember(const PublishInput& input, uint64_t offset, SteadyTime now) {
  if (!input.publisher.empty() && input.sequence != 0) {
    Publisher* publisher = FindPublisher(input.publisher);
    if (publisher == nullptr) publisher = AddPublisher(input.publisher, input.owner);
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
    keys_.Add(input.group_id, input.key, {.offset = offset, .body_hash = HashOf(input)}, now);
  }
}

void DedupTable::OnTick(SteadyTime now) {
  keys_.OnTick(now);
  WarnIfShort(now);
}

void DedupTable::WarnIfShort(SteadyTime now) {
  const std::chrono::milliseconds holds = keys_.window(now);
  if (holds == window_) {
    if (std::exchange(short_, false)) {
      spdlog::info("idempotency keys are known for --dedup_window ({} s) again", Seconds(window_));
    }
    return;
  }
  if (now < next_warn_) return;
  short_ = true;
  next_warn_ = now + kWarnInterval;
  spdlog::warn(
      "the table of idempotency keys is full ({} bytes, --dedup_bytes_max): keys are known for the "
      "last {} s, not for --dedup_window ({} s), so a send that is repeated later than that is "
      "published twice; raise --dedup_bytes_max, or find out who sends so many keys",
      key_bytes_max_, Seconds(holds), Seconds(window_));
}

DedupTable::Publisher* DedupTable::FindPublisher(std::string_view name) {
  if (newest_ != nullptr && newest_->name == name) return newest_;
  const auto found = publisher_by_name_.find(name);
  if (found == publisher_by_name_.end()) return nullptr;
  newest_ = &*found->second;
  PublisherList& publishers = publishers_by_owner_[newest_->owner];
  publishers.splice(publishers.begin(), publishers, found->second);
  return newest_;
}

DedupTable::Publisher* DedupTable::AddPublisher(std::string_view name, uint64_t owner) {
  if (publisher_by_name_.size() >= kPublishersMax) ForgetPublisher();
  PublisherList& publishers = publishers_by_owner_[owner];
  publishers.push_front({std::string(name), owner, 0, {}});
  newest_ = &publishers.front();
  newest_->offsets.resize(kPublisherAnswersMax, 0);
  publisher_by_name_[newest_->name] = publishers.begin();
  return newest_;
}

void DedupTable::ForgetPublisher() {
  // Publishers on Unix sockets, whom the operator lets in, are forgotten last.
  const auto rank = [](const auto& entry) {
    return std::pair(PeerAddress{entry.first} != PeerAddress::kUnix, entry.second.size());
  };
  const auto most =
      std::max_element(publishers_by_owner_.begin(), publishers_by_owner_.end(),
                       [&rank](const auto& a, const auto& b) { return rank(a) < rank(b); });
  newest_ = nullptr;
  publisher_by_name_.erase(most->second.back().name);
  most->second.pop_back();
  if (most->second.empty()) publishers_by_owner_.erase(most);
}

}  // namespace channel
