// Requests to NATS: messages with a reply subject, each of which waits for its one reply.
//
// The engine owns it; loop thread only. Every request gets exactly one call of `done`: with the
// reply, or with null when none came in time or the connection was lost. The callers bound how many
// requests wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "channel_service/base/clock.h"
#include "channel_service/engine/jetstream/nats_connection.h"

namespace channel {

class NatsRequests {
 public:
  // `reply` is valid during the call only.
  using Done = absl::AnyInvocable<void(const NatsMessage* reply)>;
  static constexpr std::chrono::seconds kReplyTimeout{2};

  // `inbox`: a subject that nobody else uses; replies come to one token below it.
  NatsRequests(NatsConnection& connection, const Clock& clock, std::string inbox);

  // `wait`: for the reply; a tick finds out that it is over.
  void Send(std::string subject, std::string data, Done done, std::string message_id = {},
            SteadyTime::duration wait = kReplyTimeout);

  // Returns true if the message is a reply, to a request that waits or to one that is over.
  bool OnMessage(const NatsMessage& message);
  void OnTick();
  // The connection was lost, and with it the replies to what was sent before.
  void FailAll();

  // Requests that wait for their replies.
  size_t size() const { return waiting_.size(); }

 private:
  using Deadline = std::pair<SteadyTime, uint64_t>;  // of the request with this number

  NatsConnection& connection_;
  const Clock& clock_;
  const std::string prefix_;  // of the reply subjects, which end in the request's number
  uint64_t last_number_ = 0;
  absl::flat_hash_map<uint64_t, Done> waiting_;  // by number
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>>
      deadlines_;  // earliest first
};

}  // namespace channel
