// One Subscribe stream as the hub sees it: a queue of serialised records on their way to one
// client.
//
// Owned by its rpc call; loop thread only. The queue is a list of blocks, each at most
// kBlockBytesMax (a larger record has a block of its own); it is bounded by
// ServiceLimits::subscriber_queue_bytes_max. Over the bound the queue is dropped and the stream
// ends: the client comes back with its last positions, and "subscribe since" gives it what it
// missed.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "channel_service/hub/flush_list.h"
#include "channel_service/hub/hub_metrics.h"

namespace channel {

class HubGroup;

class Subscriber : public Flushable {
 public:
  Subscriber(FlushList& flush_list, HubMetrics& metrics, size_t queue_bytes_max)
      : flush_list_(flush_list), metrics_(metrics), queue_bytes_max_(queue_bytes_max) {}
  ~Subscriber() override = default;

  // Copies a record to the end of the queue.
  void Append(std::string_view record);

  size_t queued_bytes() const { return queued_bytes_; }

 protected:
  // Writes the next block, if there is one and none is on its way; ends the stream after an
  // overflow.
  void Flush() override;

  // The block was taken by the transport, or the transport is gone.
  void OnWritten();
  bool write_outstanding() const { return write_outstanding_; }

  // Drops the queue; nothing is queued or written any more.
  void Close();

 private:
  friend class Hub;
  // Writes one block; answered by OnWritten. At most one is outstanding.
  virtual void StartWrite(std::string block) = 0;
  // The client reads too slowly. The subscriber is closed already.
  virtual void OnOverflow() = 0;
  // The engine cannot give what a subscription needs: the stream ends, and the client tries again.
  virtual void OnUnavailable() = 0;

  FlushList& flush_list_;
  HubMetrics& metrics_;
  const size_t queue_bytes_max_;
  std::deque<std::string> blocks_;
  size_t queued_bytes_ = 0;
  size_t last_block_bytes_ = 0;  // of the block that was written last
  bool write_outstanding_ = false;
  bool overflowed_ = false;
  bool closed_ = false;
  absl::flat_hash_set<HubGroup*> groups_;  // kept by the hub
};

}  // namespace channel
