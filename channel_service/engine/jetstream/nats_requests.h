// Questions to NATS: what is published with a reply subject, and waits for the one answer.
//
// Owned by the engine; loop thread only. Every question gets exactly one call of `done`: with the
// answer, or with null when none came within its time or the link was lost. Bounded by those
// who ask.
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
  // `answer` is valid during the call only.
  using Done = absl::AnyInvocable<void(const NatsMessage* answer)>;
  static constexpr std::chrono::seconds kAnswerTimeout{2};

  // `inbox`: a subject that is nobody else's; answers come to one token below it.
  NatsRequests(NatsConnection& link, const Clock& clock, std::string inbox);

  // `wait`: for the answer; what is over is found at a tick.
  void Ask(std::string subject, std::string data, Done done, std::string message_id = {},
           SteadyTime::duration wait = kAnswerTimeout);

  // True: it was an answer to a question, asked now or long ago.
  bool OnMessage(const NatsMessage& message);
  void OnTick();
  // The link was lost, and with it the answers to what was asked before.
  void FailAll();

  size_t size() const { return asked_.size(); }

 private:
  using Deadline = std::pair<SteadyTime, uint64_t>;  // of a token

  NatsConnection& link_;
  const Clock& clock_;
  const std::string prefix_;  // of the reply subjects
  uint64_t last_token_ = 0;
  absl::flat_hash_map<uint64_t, Done> asked_;  // by token
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>>
      deadlines_;  // earliest first
};

}  // namespace channel
