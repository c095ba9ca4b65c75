// Watches the connections of the gRPC port, and cuts those that go beyond guard_rules.h.
//
// The server owns it. A thread of its own sleeps while no connection receives anything, and else
// looks each kGuardInterval at those that did: so it sees also a connection that holds the loop. It
// holds a duplicate of each connection's descriptor, by which it reads the kernel's counters, cuts,
// and learns that gRPC has closed the connection. With a connection go those of its address that
// have brought nothing but noise (or wasted calls, if it is cut for that), and the address is
// refused for kCutPause, so that many connections, or coming back at once, gain nothing. An address
// whose connections were noise and are gone is refused, too. A crowd is not cut, but paced
// (crowd_pacer.h). The public functions may be called
// from any thread.
#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "channel_service/base/fair_share.h"
#include "channel_service/base/log_gate.h"
#include "channel_service/base/metrics.h"
#include "channel_service/rpc/crowd_pacer.h"
#include "channel_service/rpc/guard_rules.h"
#include "channel_service/rpc/guarded_connection.h"

namespace channel {

inline constexpr std::chrono::milliseconds kGuardInterval{10};
inline constexpr std::chrono::seconds kCutPause{10};
inline constexpr std::chrono::seconds kGoneKnown{10};

// Why a connection with one of the last descriptors is refused.
absl::Status FewDescriptorsError();

class ConnectionGuard {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // `connections_max`: all connections that this process may have. `message_bytes_max`: the longest
  // body of a publication.
  ConnectionGuard(prometheus::Registry& registry, size_t connections_max, size_t message_bytes_max);
  ~ConnectionGuard();

  // Gets the descriptors that it needs, before a connection is admitted.
  absl::Status Open();
  // Begins to look. `loop_place` is called on the guard's thread until Stop.
  void Start(std::function<LoopPlace()> loop_place);
  void Stop();

  // A connection was accepted; the guard has its own duplicate of the descriptor from now on.
  // RESOURCE_EXHAUSTED or PERMISSION_DENIED say why it must be closed instead. Descriptors from
  // `descriptor_end` on are one too many.
  absl::Status Admit(int descriptor, const Endpoint& peer, int descriptor_end);

  // The tally of the connection that gRPC calls `peer`: one that is gone is known for kGoneKnown.
  // Null if it is not known. All who come over a Unix socket, which is for those whom its mode
  // allows, have one, and are not watched.
  std::shared_ptr<ConnectionTally> Find(std::string_view peer) const;

 private:
  void Run();
  void LookAtActive(SteadyTime now);
  void LookAtLoop(SteadyTime now);
  void LookAtGone(SteadyTime now);
  void Judge(const GuardedConnectionPtr& connection, SteadyTime now);
  void JudgeWaste(const GuardedConnectionPtr& connection, SteadyTime now);
  void OnGone(const GuardedConnectionPtr& connection, SteadyTime now);
  AddressRules& RulesOf(PeerAddress address, SteadyTime now);
  bool Look(GuardedConnection& connection, SteadyTime now);
  void CutHeaviest(SteadyTime now);
  void CutReader(const LoopPlace& place, SteadyTime now);
  void Cut(const GuardedConnectionPtr& connection, CutReason reason, SteadyTime now);
  void CutOne(const GuardedConnectionPtr& connection, CutReason reason, SteadyTime now);
  void Remove(const GuardedConnectionPtr& connection, SteadyTime now);
  std::vector<GuardedConnectionPtr> Connections() const;

  const std::shared_ptr<ConnectionTally> unix_tally_ =
      std::make_shared<ConnectionTally>(PeerAddress::kUnix);
  const uint64_t unexplained_max_;        // of one connection
  const uint64_t unexplained_total_max_;  // of all
  std::function<LoopPlace()> loop_place_;
  std::thread thread_;
  int epoll_ = -1;
  int stop_ = -1;  // eventfd
  // The guard's thread alone.
  PollWatch poll_watch_;
  CrowdPacer crowds_;
  std::optional<LoopPlace> suspected_;  // read bytes were noted for CutReader
  LogGate cuts_log_;
  uint64_t unexplained_bytes_ = 0;  // of all connections
  std::deque<GuardedConnectionPtr>
      gone_;  // the calls of these may still be handed out; oldest first
  absl::flat_hash_map<PeerAddress, AddressRules> address_rules_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  FairShare connections_;
  absl::flat_hash_map<std::string, GuardedConnectionPtr> by_name_;
  absl::flat_hash_map<uint64_t, GuardedConnectionPtr> by_id_;
  uint64_t last_id_ = 0;
  absl::flat_hash_map<PeerAddress, SteadyTime> refused_until_;

  prometheus::Counter* cuts_[kCutReasons];
};

}  // namespace channel
