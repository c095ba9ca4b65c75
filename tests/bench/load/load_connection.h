// One WebSocket connection of bench_load: receives, checks, and sends a command now and then.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "tests/bench/load/sequence_check.h"
#include "tests/bench/load/websocket.h"

namespace channel::bench {

// Owned by Load, used on its one thread. Any fault of the server is counted, and a connection that
// broke stays in the table with fd -1.
class LoadConnection {
 public:
  // What the whole client counts; one for all connections.
  struct Totals {
    Faults faults;
    uint64_t messages = 0;     // without probes
    size_t message_bytes = 0;  // of each that is on its way
    uint64_t goal = 0;         // a connection is done when it has seen all numbers below
    uint64_t done = 0;         // connections that reached the goal
    uint64_t probe = 0;        // the newest probe (see Load::Join)
    uint64_t probes = 0;    // how often each connection should see it: once in each of its groups
    uint64_t probed = 0;    // connections that did
    uint64_t upgraded = 0;  // connections with a finished handshake
  };

  // `first`: the number of the first message that it should see.
  LoadConnection(Totals& totals, uint64_t first) : totals_(&totals), check_(first) {}

  // Connects from `source` to `port` of 127.0.0.1 (both host byte order) and sends the upgrade
  // request. Returns the descriptor, or -1 with errno.
  int Start(uint32_t source, uint16_t port);

  // Sends one masked text frame. False if the socket did not take it whole: it is small and the
  // server reads, so that is an error.
  bool SendText(std::string_view text) { return SendFrame(kTextFrame, text); }

  // Waits until the socket has taken all. False if the server is gone.
  bool SendAll(std::string_view bytes);

  // Takes what the socket has, at most one read. `scratch` is shared by all connections; the part
  // of a frame that is not complete yet is kept in the connection.
  void OnReadable(char* scratch, size_t scratch_bytes);

  void Close();
  bool open() const { return fd_ >= 0; }

 private:
  void Break();
  size_t TakeUpgrade(std::string_view data);
  size_t TakeFrame(std::string_view data);
  void OnText(std::string_view text);
  bool SendFrame(uint8_t first, std::string_view payload);

  Totals* totals_;
  SequenceCheck check_;
  std::unique_ptr<char[]> carry_;  // made when a frame is split for the first time, then kept
  uint64_t probe_ = 0;             // the newest that came
  uint64_t probes_ = 0;            // how often
  uint32_t carry_bytes_ = 0;
  int fd_ = -1;
  bool upgraded_ = false;
};

}  // namespace channel::bench
