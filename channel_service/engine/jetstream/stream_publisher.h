// Publications on their way into the stream, in one lane for each group.
//
// Owned by the engine; loop thread only. One publication of a lane is on its way at a time: when a
// leader dies, or NATS loses one, the next cannot overtake it, so what one sender sends keeps its
// order. It is sent again, with the same message id, until NATS answers or kPublishPatience is over
// since it was given; then the outcome is kUnavailable (it may have been stored all the same).
// Bounds: kPublicationsMax and kBytesMax in all lanes; beyond them the outcome is kOverloaded.
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
  // The answer is there within 10 s, whatever NATS does.
  static constexpr std::chrono::milliseconds kPublishPatience{9'500};
  static constexpr size_t kPublicationsMax = 65'536;
  static constexpr size_t kBytesMax = 64 << 20;

  // `node`: unique over all nodes and starts, for the message ids of publications without a key.
  // `on_stored` is told of each publication that was stored, before its waiter is.
  StreamPublisher(NatsRequests& requests, LogReader& reader, const Clock& clock,
                  JetStreamMetrics& metrics, std::string stream, std::string node,
                  std::function<void(std::string_view group_id, uint64_t offset)> on_stored);

  void Publish(const PublishInput& input, PublishWaiter* waiter, uint64_t ticket);
  // Sends what waited for the answer to the one before it.
  void GoOn();
  // Tries again what failed.
  void OnTick();
  // Answers everything that waits, and all that comes, with kUnavailable.
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
  struct Lane {
    std::deque<Publication> waiting;  // the front is on its way
    bool asked = false;               // the front was sent, and is not answered
  };

  void Send(const std::string& group_id);
  void OnAnswer(const std::string& group_id, const NatsMessage* answer);
  // The stream has an older publication with this message id.
  void OnDuplicate(const std::string& group_id, uint64_t offset);
  void Answer(const std::string& group_id, PublishOutcome outcome);

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
  absl::flat_hash_map<std::string, Lane, StringHash, StringEq>
      lanes_;                        // by group id; none is empty
  std::vector<std::string> again_;   // groups whose front can be sent
  std::vector<std::string> failed_;  // … not before the next tick
};

}  // namespace channel
