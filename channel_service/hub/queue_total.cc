#include "channel_service/hub/queue_total.h"

#include "channel_service/hub/subscriber.h"

namespace channel {

void QueueTotal::Grow(size_t bytes) {
  bytes_ += bytes;
  while (bytes_ > bytes_max_) {
    Subscriber* const fullest = Fullest();
    if (fullest == nullptr) return;  // what remains belongs to streams that end already
    fullest->Overflow("too much waits for all subscribers, and most of it for this one");
  }
}

// A walk over all, seldom: each time the fullest of n queues is freed, at least 1/n of the bound.
Subscriber* QueueTotal::Fullest() const {
  Subscriber* fullest = nullptr;
  for (Subscriber* const subscriber : subscribers_) {
    if (subscriber->state() != Subscriber::State::kOpen || subscriber->queued_bytes() == 0)
      continue;
    if (fullest == nullptr || subscriber->queued_bytes() > fullest->queued_bytes()) {
      fullest = subscriber;
    }
  }
  return fullest;
}

}  // namespace channel
