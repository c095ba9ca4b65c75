#include "channel_service/hub/queue_total.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "channel_service/hub/subscriber.h"

namespace channel {

// It walks over all, and seldom: each time an eighth of the bound becomes free. What streams hold
// that end already becomes free soon, and is not asked for of the others.
void QueueTotal::Drop(Pool* pool) {
  absl::flat_hash_map<PeerAddress, size_t> held;
  std::vector<Subscriber*> open;
  size_t all = 0;
  for (Subscriber* const subscriber : subscribers_) {
    if (subscriber->state() != Subscriber::State::kOpen || subscriber->held_bytes() == 0) continue;
    if (PoolOf(subscriber->peer()) != pool) continue;
    held[subscriber->peer()] += subscriber->held_bytes();
    all += subscriber->held_bytes();
    open.push_back(subscriber);
  }
  if (all > bytes_max_) {
    const auto rank = [&held](const Subscriber* subscriber) {
      return std::tuple(held[subscriber->peer()], subscriber->peer(), subscriber->held_bytes());
    };
    std::sort(open.begin(), open.end(),
              [&rank](const Subscriber* a, const Subscriber* b) { return rank(a) > rank(b); });
    for (Subscriber* const subscriber : open) {
      if (all <= bytes_max_ - bytes_max_ / 8) break;
      all -= subscriber->held_bytes();
      subscriber->Overflow("too much waits for all subscribers, and most of it for this address");
    }
  }
  pool->drop_above = std::max(bytes_max_, pool->bytes + bytes_max_ / 64);
}

}  // namespace channel
