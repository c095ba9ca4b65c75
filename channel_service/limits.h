// Every bound of the channel service, with its source. Those that an operator may want to change
// are flags (main.cc); the relations between them are asserted here or in ServiceLimits::Check.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "channel_service/model/contract_limits.h"

namespace channel {

// Fixed by the contract (proto/channel/v1/channel.proto).
inline constexpr size_t kPublisherBytesMax = 64;
inline constexpr size_t kHistoryReplyBytesMax = 1 << 20;

// The largest gRPC message to or from the service: gRPC's own default for receiving.
inline constexpr size_t kGrpcMessageBytesMax = 4 << 20;
// Bytes that a request may have beside the body of a publication, or the entries of a stream's
// request: several times the sum of the contract's bounds.
inline constexpr size_t kRequestBytesMax = 4 << 10;

// Publishers that are remembered; beyond that the least recently used one is forgotten of the
// address that has most.
inline constexpr size_t kPublishersMax = 1024;
// Publications of one stream whose answers the client has not taken; beyond that the stream is not
// read until it takes some.
inline constexpr size_t kStreamAnswersMax = 4 * kPublisherAnswersMax;

// Subscribe, PublishStream, health Watch and reflection calls that are open at one time, of all and
// of one address, which has no more than half of those that others leave free (base/fair_share.h).
// One more is refused. An edge has two; when a thousand end at once, the loop has to do with them
// for 0.1 s.
inline constexpr size_t kOpenStreamsMax = 10'000;
inline constexpr size_t kOpenStreamsOfOneMax = 1'000;

// Calls that are open on one connection (HTTP/2 streams); the client holds further ones back. As
// many unary calls with the longest message do not look like noise (rpc/guard_rules.h).
inline constexpr int kStreamsPerConnectionMax = 100;

// Publications, subscriptions or unsubscribes in one request.
inline constexpr int kEntriesPerRequestMax = 65'536;

// Groups of one subscriber, and of all subscribers, of which one address has half of what others
// leave free: that of four edges with 500,000 each.
inline constexpr size_t kSubscriptionsMax = 1'000'000;
inline constexpr size_t kSubscriptionsTotalMax = 4'000'000;
// Live publications that wait in one subscription while it catches up.
inline constexpr size_t kCatchUpRecordsMax = 4096;

// Queues of subscribers that may be full at a time: beyond that sum the fullest ones are dropped of
// the address that has most.
inline constexpr size_t kFullQueuesMax = 4;

// Groups without history and without subscribers whose last offset is remembered.
inline constexpr size_t kIdleGroupsMax = 100'000;

// Completion events handled before the flush (rpc/completion_loop.h), and time for them: a new call
// takes 60 µs.
inline constexpr int kEventsPerTurnMax = 256;
inline constexpr std::chrono::milliseconds kEventsTimeMax{2};
// Calls of one method that may come in a turn, and time for asking for the next ones
// (rpc/next_calls.h).
inline constexpr int kCallsPerTurn = 20;
inline constexpr std::chrono::milliseconds kNextCallsTimeMax{1};
// Time for longer work in a turn, and for one slice of it (rpc/slice_queue.h).
inline constexpr std::chrono::milliseconds kSlicesTimeMax{1};
inline constexpr std::chrono::microseconds kSliceTime{100};
// Groups that a stream which ends leaves in one slice.
inline constexpr size_t kGroupsLeftPerSlice = 100;

// Bytes that calls hold for their clients from one turn to the next: requests that are worked off,
// and answers that are not taken. One address has half of what others leave free; a call that would
// need more is ended.
inline constexpr size_t kHeldBytesMax = 256 << 20;
// The most that an answer of PublishStream takes while it waits, with the text of an error.
inline constexpr size_t kHeldBytesPerAnswer = 256;
// Memory of a unary call and of all that gRPC has for it, beside its request and its answer.
inline constexpr size_t kHeldBytesPerCall = 8 << 10;

static_assert(kBlockBytesMax < kGrpcMessageBytesMax);

// The bounds that flags set.
struct ServiceLimits {
  // The longest PublishRequest.
  size_t publish_request_bytes_max() const { return message_bytes_max + kRequestBytesMax; }

  size_t message_bytes_max = 64 << 10;
  size_t history_publications_max = 256;
  size_t history_bytes_max = 1 << 20;
  // With the groups: without history about 230 bytes each, 400 if it is attached. Nothing is held
  // when attached groups alone take all of it.
  size_t history_total_bytes_max = size_t{1} << 30;
  std::chrono::milliseconds history_age_max = std::chrono::minutes(5);
  // In the first moments of a new log its history is bounded in bytes only: after a restart of the
  // service the first edge that is back sends on what its clients sent meanwhile, and those that
  // come back later are to find all of it.
  std::chrono::milliseconds new_epoch_grace = std::chrono::seconds(5);
  std::chrono::milliseconds dedup_window = std::chrono::minutes(2);
  // About 100 bytes for a key of 16 bytes: 2.7 million of them, 22,000 a second.
  size_t dedup_bytes_max = 256 << 20;
  size_t subscriber_queue_bytes_max = 64 << 20;

  // INVALID_ARGUMENT names the flag, and what it must be.
  absl::Status Check() const;
};

}  // namespace channel
