// The places that connections have on an edge, and how many of them one address may hold.
//
// Owned by the edge server; loop thread only. A connection has a place from its first moment: as
// one that waits, by the address that it comes from, until its request is answered or upgraded;
// then as a session, by the client's address as far as it is known. A session waits, too, until its
// first command on a group. Of the places for those that wait an address may hold at most half of
// what the others leave free, so that silent sockets of one address keep nobody else out. Bounds:
// connections_max in all, connections_per_address_max sessions of one address.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "channel_service/base/fair_share.h"
#include "ws_edge/limits.h"

namespace edge {

class ConnectionPlaces {
 public:
  using Endpoint = boost::asio::ip::tcp::endpoint;

  explicit ConnectionPlaces(const EdgeLimits& limits)
      : limits_(limits), waiting_(std::make_shared<Waiting>(limits)) {}

  // Says why a connection that has come from there has no place; null if it has one.
  const char* WhyNoRequest(const Endpoint& peer) const;
  // Takes that place. It is free again when what is returned is gone, which may outlive this.
  std::shared_ptr<void> TakeForRequest(const Endpoint& peer);
  // Says why a client may not open a session; empty if it may.
  std::string WhyNoSession(const Endpoint& client) const;
  void OnSessionOpened(const Endpoint& client);
  // The first command of the session has come.
  void OnSessionHeard(const Endpoint& client);
  void OnSessionOver(const Endpoint& client, bool heard);

  size_t sessions() const { return sessions_; }
  size_t requests() const { return waiting_->requests; }

 private:
  struct Waiting {
    explicit Waiting(const EdgeLimits& limits) : shares(limits.connections_max + kRefusalsMax) {}
    channel::FairShare shares;  // of requests, and of sessions that were not heard
    size_t requests = 0;
  };

  size_t heard() const { return sessions_ + requests() - waiting_->shares.total(); }

  const EdgeLimits& limits_;
  size_t sessions_ = 0;
  const std::shared_ptr<Waiting> waiting_;
  absl::flat_hash_map<channel::PeerAddress, size_t> sessions_of_;  // if they are bounded
};

}  // namespace edge
