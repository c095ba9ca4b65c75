// Publications on their way into the stream, in one queue for each group.
//
// The engine owns it; loop thread only. One publication of a group is on its way at a time: when a
// leader dies, or NATS loses one, the next cannot overtake it, so what one sender sends keeps its
// order. A publication is sent again, with the same Nats-Msg-Id, until NATS acknowledges it or
// kPublishPatience is over since it was given; then the outcome is kUnavailable (it may have been
// stored all the same). Bounds: kPublicationsMax and kBytesMax in all queues; beyond them the
// outcome is kOverloaded.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/clock.h"
#include "channel_service/base/strings.h"
#include "channel_service/engine/engine.h"
#include "channel_service/engine/jetstream/jetstream_metrics.h"
#include "channel_service/engine/jetstream/log_reader.h"
#include "channel_service/engine/jetstream/nats_requests.h"

namespace channel {

class StreamPublisher {
 public:
  // A caller has its outcome within 10 s, whatever NATS does: a tick is 50 ms.
  static constexpr std::chrono::milliseconds kPublishPatience{9'500};
  static constexpr size_t kPublicationsMax = 65'536;
  static constexpr size_t kBytesMax = 64 << 20;

  // `node`: unique over all nodes and starts, for the message ids of publications without a key.
  // `on_stored` is called for each publication that was stored, before its waiter hears of it.
  StreamPublisher(NatsRequests& requests, LogReader& reader, const Clock& clock,
                  JetStreamMetrics& metrics, std::string stream, std::string node,
                  std::function<void(std::string_view group_id, uint64_t offset)> on_stored);

  void Publish(const PublishInput& input, PublishWaiter* waiter, uint64_t ticket);
  // Sends the publications whose predecessors were answered.
  void GoOn();
  // Sends again what failed.
  void OnTick();
  // The outcome of all that waits for its turn, and of all that comes, is kUnavailable.
  void Stop();

 private:
  struct Publication {
    std::string content;
    std::string message_id;
    bool keyed;  // another body under its message id is a conflict
    PublishWaiter* waiter;
    uint64_t ticket;
    SteadyTime since;
    int attempts = 0;
  };
  struct Queue {
    std::deque<Publication> waiting;  // only the front is on its way
    bool sent = false;                // the front was sent, and its outcome is not known
  };

  void Send(const std::string& group_id);
  void OnReply(const std::string& group_id, const NatsMessage* reply);
  // The stream holds an older publication with this message id.
  void OnDuplicate(const std::string& group_id, uint64_t offset);
  void Answer(const std::string& group_id, PublishOutcome outcome);
  bool IsOver(const Publication& publication) const {
    return stopped_ || clock_.Now() - publication.since >= kPublishPatience;
  }

  NatsRequests& requests_;
  LogReader& reader_;
  const Clock& clock_;
  JetStreamMetrics& metrics_;
  const std::string stream_;
  const std::string node_;
  const std::function<void(std::string_view, uint64_t)> on_stored_;
  uint64_t last_id_ = 0;
  size_t count_ = 0;
  size_t bytes_ = 0;
  bool stopped_ = false;
  absl::flat_hash_map<std::string, Queue, StringHash, StringEq>
      queues_;                       // by group id; none is empty
  std::vector<std::string> next_;    // groups whose front can be sent
  std::vector<std::string> failed_;  // groups whose front is sent again at the next tick
};

}  // namespace channel
