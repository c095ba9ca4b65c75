// The groups that are attached to the JetStream engine, and their comparison with the stream.
//
// The engine owns it; loop thread only. Whatever may have been lost on the way (the connection,
// another leader, a full queue) is found by asking the stream for the groups' last offsets; each
// group is compared within kSweepTime in any case, since a leader that dies takes what it has
// stored and not republished with it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/clock.h"
#include "channel_service/base/strings.h"
#include "channel_service/engine/engine.h"
#include "channel_service/engine/jetstream/attached_group.h"
#include "channel_service/engine/jetstream/nats_connection.h"
#include "channel_service/engine/jetstream/nats_message.h"
#include "channel_service/engine/jetstream/nats_requests.h"

namespace channel {

class AttachedGroups {
 public:
  AttachedGroups(NatsConnection& connection, const NatsRequests& requests,
                 AttachedGroupContext context);

  void Attach(std::string_view group_id, GroupSink* sink);
  void Detach(std::string_view group_id);
  // Null if the group is not attached.
  AttachedGroup* Find(std::string_view group_id) const;

  // Returns false if the message is no live publication.
  bool OnMessage(NatsMessage& message);
  // Something may have been lost on the way to any group: all are compared soon.
  void CompareAll();
  void OnTick();
  // Answers reads that wait; nothing is asked any more. In two steps, as LogReader::Stop answers
  // what was asked before.
  void BeginStop() { context_.stopped = true; }
  void EndStop();

  size_t size() const { return groups_.size(); }
  // The bytes of publications that are kept here beside the stream.
  size_t recent_bytes() const { return context_.recent.bytes(); }

 private:
  static constexpr std::chrono::seconds kSweepTime{60};
  // Requests to NATS beyond which no comparison begins, so that a node with many groups does not
  // fill NATS's queues.
  static constexpr size_t kRequestsMax = 256;

  void CompareSome();
  void SweepSome();

  NatsConnection& connection_;
  const NatsRequests& requests_;
  const std::string live_prefix_;  // of the subjects of live publications
  AttachedGroupContext context_;
  absl::flat_hash_map<std::string, std::shared_ptr<AttachedGroup>, StringHash, StringEq>
      groups_;  // by id
  std::vector<std::string> to_sweep_;
  SteadyTime next_sweep_ = {};
};

}  // namespace channel
