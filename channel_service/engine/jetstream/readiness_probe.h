// Proves once a second that the log works: a publication of this node's own is stored, comes back,
// and can be read.
//
// The engine owns it; loop thread only, but for unready_reason. After a disturbance (a lost
// connection, a probe that failed) the first probe that works calls `on_recovered`: publications
// may have been lost meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "channel_service/base/clock.h"
#include "channel_service/engine/jetstream/jetstream_metrics.h"
#include "channel_service/engine/jetstream/log_reader.h"
#include "channel_service/engine/jetstream/nats_connection.h"
#include "channel_service/engine/jetstream/nats_requests.h"

namespace channel {

class ReadinessProbe {
 public:
  ReadinessProbe(NatsConnection& connection, NatsRequests& requests, LogReader& reader,
                 const Clock& clock, JetStreamMetrics& metrics, const std::string& stream,
                 const std::string& node, std::function<void()> on_recovered);

  // Returns true if the message is a probe that came back.
  bool OnMessage(const NatsMessage& message);
  void OnTick();
  // The connection was lost.
  void OnDisturbed() { disturbed_ = true; }
  // The stream is another one: no probe makes this engine ready again.
  void OnOtherStream() { ChangeState(State::kOtherStream, "the log began anew"); }
  void Stop() { ChangeState(State::kStopped, "stopping"); }

  // Empty: the last probe worked. Any thread.
  const char* unready_reason() const { return unready_reason_; }

 private:
  enum class State {
    kUnproven,
    kReady,
    kNotReady,
    kOtherStream,  // for ever, or until Stop
    kStopped,
  };
  static const char* ToString(State state);
  // `why`: a literal; an operator reads it while the engine is not ready.
  void ChangeState(State to, const char* why);

  void Probe();
  void OnPubAck(SteadyTime sent_at, const NatsMessage* reply);
  void OnProbed(bool worked);
  bool Ended() const { return state_ == State::kOtherStream || state_ == State::kStopped; }
  const char* UnreadyReason(bool refused) const;

  NatsConnection& connection_;
  NatsRequests& requests_;
  LogReader& reader_;
  const Clock& clock_;
  JetStreamMetrics& metrics_;
  const std::string log_subject_;
  const std::string live_subject_;
  const std::function<void()> on_recovered_;
  State state_ = State::kUnproven;
  bool disturbed_ = false;  // since the last probe that worked
  uint64_t came_back_ = 0;  // sequence of the probe that came back last; 0: none did
  SteadyTime next_probe_ = {};
  std::atomic<const char*> unready_reason_ = "the log has not been proven to work yet";
};

}  // namespace channel
