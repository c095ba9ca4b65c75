// One connection, as the guard knows it.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <utility>

#include "channel_service/rpc/connection_tally.h"
#include "channel_service/rpc/guard_rules.h"

namespace channel {

// Owns a duplicate of the connection's descriptor.
struct GuardedConnection {
  // Fewer bytes are no noise: the last message may not have been handled yet.
  static constexpr uint64_t kNoiseBytesMin = 64 << 10;

  GuardedConnection(uint64_t number, const boost::asio::ip::tcp::endpoint& endpoint, int duplicate,
                    const ConnectionRules& its_rules)
      : id(number),
        peer(endpoint),
        name(GrpcPeerName(endpoint)),
        descriptor(duplicate),
        tally(std::make_shared<ConnectionTally>(AddressOf(endpoint))),
        rules(its_rules) {}
  GuardedConnection(const GuardedConnection&) = delete;
  GuardedConnection& operator=(const GuardedConnection&) = delete;
  ~GuardedConnection() { Close(); }

  void Close() {
    if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
  }

  // Returns whether it has brought no message, or little of what it has sent was one.
  bool IsNoise() const {
    return tally->explained_bytes() == 0 ||
           rules.unexplained_bytes() > std::max(read_bytes / 2, kNoiseBytesMin);
  }

  const uint64_t id;
  const boost::asio::ip::tcp::endpoint peer;
  const std::string name;
  int descriptor;  // -1: it is gone
  const std::shared_ptr<ConnectionTally> tally;
  // The guard's thread alone.
  ConnectionRules rules;
  uint64_t read_bytes = 0;
  uint64_t read_bytes_noted = 0;  // when the loop began to seem held
  uint64_t wasted_calls = 0;
  SteadyTime wasted_at = {};
  uint64_t calls_noted = 0;  // by CrowdPacer
  bool held_back = false;    // by CrowdPacer
  bool removed = false;
  SteadyTime removed_at = {};
};

using GuardedConnectionPtr = std::shared_ptr<GuardedConnection>;

}  // namespace channel
