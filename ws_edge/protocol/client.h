// One WebSocket client as groups see it: its dialect, and the queue of its frames.
//
// Session implements it; tests have other clients. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ws_edge/limits.h"
#include "ws_edge/metrics.h"
#include "ws_edge/net/send_queue.h"
#include "ws_edge/protocol/dialect.h"
#include "ws_edge/protocol/error_code.h"

namespace edge {

class Client {
 public:
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  uint64_t id() const { return id_; }
  Dialect dialect() const { return dialect_; }
  // The client's queue, for the fan-out, which offers frames without touching the client.
  SendQueue& queue() { return *queue_; }
  size_t queued_bytes() const { return queue_->queued_bytes(); }

  // Queues a frame; it leaves at the end of the turn.
  void Deliver(const FramePtr& frame) {
    if (!queue_->Offer(frame, limits_.session_queue_bytes_max)) CloseAsSlow();
  }
  // Closes the client, whose queue had no room for an offered frame.
  virtual void CloseAsSlow() = 0;
  // No command of the client is read (or they are again), because too many of its sends wait.
  virtual void HoldCommands(bool held) = 0;
  // The client asked for so many bytes: they count as if it had sent them (see ReadGate).
  virtual void ChargeAnswer(size_t bytes) = 0;

  // Tells the client what was wrong with a command (of this id, on this group).
  void SendError(ErrorCode code, std::string_view message, std::string_view command_id = {},
                 std::string_view group_id = {});
  // Encodes the same frame, to be delivered later.
  FramePtr MakeError(ErrorCode code, std::string_view message, std::string_view command_id,
                     std::string_view group_id);

 protected:
  Client(uint64_t id, const EdgeLimits& limits, EdgeMetrics& metrics)
      : id_(id), limits_(limits), metrics_(metrics) {}
  ~Client() = default;

  // Must be called once, before anything else.
  void SetQueue(SendQueue* queue) { queue_ = queue; }
  void SetDialect(Dialect dialect) { dialect_ = dialect; }

 private:
  const uint64_t id_;
  SendQueue* queue_ = nullptr;
  const EdgeLimits& limits_;
  EdgeMetrics& metrics_;
  Dialect dialect_ = Dialect::kPlain;
};

}  // namespace edge
