#include "channel_service/hub/queue_total.h"

#include <algorithm>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "channel_service/hub/subscriber.h"

namespace channel {

// It walks over all, and seldom: each time an eighth of the bound becomes free. What streams hold
// that end already is not waited for.
void QueueTotal::Drop(const Pool* pool) {
  absl::flat_hash_map<PeerAddress, size_t> held;
  std::vector<Subscriber*> open;
  for (Subscriber* const subscriber : subscribers_) {
    if (subscriber->state() != Subscriber::State::kOpen) continue;
    if (PoolOf(subscriber->peer()) != pool) continue;
    held[subscriber->peer()] += subscriber->held_bytes();
    open.push_back(subscriber);
  }
  std::sort(open.begin(), open.end(), [&held](const Subscriber* a, const Subscriber* b) {
    const auto rank = [&held](const Subscriber* subscriber) {
      return std::tuple(held[subscriber->peer()], subscriber->peer(), subscriber->held_bytes());
    };
    return rank(a) > rank(b);
  });
  const size_t enough = bytes_max_ - bytes_max_ / 8;
  for (Subscriber* const subscriber : open) {
    if (*pool <= enough || subscriber->queued_bytes() == 0) return;
    subscriber->Overflow("too much waits for all subscribers, and most of it for this address");
  }
}

}  // namespace channel
