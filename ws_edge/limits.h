// Every bound of an edge, with its source. The bounds that an operator may want to change are flags
// (main.cc; deploy/LIMITS.md lists them).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "channel_service/base/descriptors.h"

namespace edge {

// Header of an HTTP request. That of a browser with cookies stays well below.
inline constexpr size_t kHttpHeaderBytesMax = 8 << 10;
// The PROXY protocol's header, with its TLVs; 536 bytes hold all that haproxy adds by itself.
inline constexpr size_t kProxyHeaderBytesMax = 4 << 10;
// Fixed by the contract (proto/websocket.md, section 11).
inline constexpr size_t kCommandIdBytesMax = 64;
// Bytes of one answer to `history`, which holds at least one publication.
inline constexpr size_t kHistoryReplyBytesMax = 256 << 10;
// Joins, leaves and histories of one session that wait for publications of the group, or for each
// other.
inline constexpr int kWaitingRequestsMax = 16;
// The newest publications of a group that an edge keeps for clients that come back. Half of them
// would do for those that come back within seconds; the edge asks the service for older ones.
inline constexpr size_t kRecentPublicationsMax = 256;
inline constexpr size_t kRecentBytesMax = 256 << 10;
// How long a client is told to wait before it sends a retryable command again.
inline constexpr std::chrono::milliseconds kRetryAfter{1000};
// The window in which clients come back after a lost connection (told in `welcome`).
inline constexpr std::chrono::milliseconds kReconnectMin{200};
inline constexpr std::chrono::milliseconds kReconnectMax{15'000};
// The same window in a drain. It grows with the number of sessions, so that the other edges see
// about 1,000 upgrades a second.
inline constexpr std::chrono::milliseconds kDrainReconnectMin{100};
inline constexpr std::chrono::milliseconds kDrainReconnectLongestMin{500};
// Groups with members on one edge: half of what the service lets one Subscribe stream hold
// (kSubscriptionsMax), so that the stream never ends for it.
inline constexpr size_t kGroupsMax = 500'000;
// Queue of a session beyond which it is sent before the turn ends, so that a long turn does not
// make a session look slow.
inline constexpr size_t kFlushEarlyBytes = 128 << 10;
// Queue of a client beyond which the edge neither answers its pings nor reads from it, until the
// client reads.
inline constexpr size_t kControlHighWaterBytes = 64 << 10;
// Bytes from the channel service that one turn of the loop fans out (a block has at most 64 KiB).
inline constexpr size_t kUpstreamBytesPerTurnMax = 128 << 10;
// Parts of the sessions, which are pinged one after the other, so that pings are spread in time.
inline constexpr int kPingBuckets = 25;
// How long a closed session waits for the peer's close frame, and a refused request for its reader.
inline constexpr std::chrono::seconds kCloseTimeout{5};
// The same for a session that takes what is queued before its close frame, but slowly.
inline constexpr std::chrono::seconds kCloseLongest{30};
// Interval at which overdue sessions are looked for.
inline constexpr std::chrono::milliseconds kSweepInterval{100};
// How long the channel service must be away, or be back, before clients are told.
inline constexpr std::chrono::milliseconds kServiceNoticeDelay{500};
// Sessions that are told in one turn of the loop. Each notice is a system call of about 8 us.
inline constexpr size_t kNoticesPerTurnMax = 256;
// Sessions closed in one sweep of a drain at least; more of them if the drain time asks for it.
inline constexpr size_t kDrainSessionsPerSweepMin = 100;
// How long after the drain time the last sessions may answer the close frame.
inline constexpr std::chrono::seconds kDrainGrace{1};
// How long a draining edge waits for its last publications to be answered.
inline constexpr std::chrono::seconds kDrainPublishTimeout{2};
// Connections beyond connections_max that are still read, to be told that the edge is full.
inline constexpr size_t kRefusalsMax = 16;
// Descriptors that sessions may not take: the process's own (17 once it runs; gRPC needs some more
// while it connects), those of its admin address, and those of the refusals.
inline constexpr size_t kOwnDescriptors = 24;
inline constexpr size_t kReservedDescriptors =
    kOwnDescriptors + channel::kAdminConnectionsMax + kRefusalsMax;
static_assert(kReservedDescriptors < channel::kDescriptorsMin);
// The last descriptors are for refusals only, whatever else is open (files that the process
// inherited): a new connection gets the lowest free number.
inline constexpr size_t kLastDescriptors = 4;

// A connection whose reads are held this long without a pause is closed: its client sends more than
// it will ever be given.
inline constexpr std::chrono::seconds kHeldLongest{10};
// Cost of a join, in commands: it may subscribe to a group upstream.
inline constexpr int kJoinCommands = 4;
// Receive buffer of a client's socket in the kernel (which doubles what is set): what a held client
// may have there.
inline constexpr int kReceiveBufferBytes = 128 << 10;

// A token bucket, full at first (net/token_bucket.h).
struct TokenRate {
  uint64_t per_second;  // 0: tokens are not counted
  uint64_t burst;       // at least 1
};

// Sends of one client that are not answered: beyond so many, or so many bytes, it is not read.
inline constexpr uint32_t kUnansweredSendsMax = 64;
inline constexpr size_t kUnansweredBytesMax = 256 << 10;

// How fast a connection is read (net/read_gate.h).
struct PaceLimits {
  TokenRate commands{.per_second = 200, .burst = 1000};
  TokenRate bytes{.per_second = 1 << 20, .burst = 4 << 20};
};

// The bounds that flags set.
struct EdgeLimits {
  size_t message_bytes_max = 64 << 10;
  size_t groups_per_connection_max = 128;
  size_t session_queue_bytes_max = 1 << 20;
  size_t recent_bytes_max = 64 << 20;      // of all groups
  size_t connections_max = 0;              // 0: from the limit of open files
  size_t connections_per_address_max = 0;  // sessions; 0: any
  size_t descriptors_max = SIZE_MAX;       // that limit
  std::chrono::milliseconds upgrade_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds message_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds ping_interval = std::chrono::seconds(25);
  std::chrono::milliseconds pong_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds publish_timeout = std::chrono::seconds(10);
  // Sessions of channel.v1.json are then closed, to try another edge; 0: never.
  std::chrono::milliseconds upstream_timeout = std::chrono::seconds(30);
  size_t publish_queue_bytes_max = 8 << 20;
  PaceLimits pace = {};
  std::chrono::milliseconds drain_time = std::chrono::seconds(5);

  // Fills connections_max and descriptors_max. `descriptors`: how many the process may have open.
  // INVALID_ARGUMENT names the flag, and what it must be.
  absl::Status CheckAndComplete(size_t descriptors);
};

}  // namespace edge
