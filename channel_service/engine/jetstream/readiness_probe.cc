#include "channel_service/engine/jetstream/readiness_probe.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <string_view>
#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/engine/jetstream/jetstream_error.h"
#include "channel_service/engine/jetstream/pub_ack.h"

namespace channel {
namespace {

constexpr std::chrono::seconds kProbePause{1};

}  // namespace

ReadinessProbe::ReadinessProbe(NatsConnection& connection, NatsRequests& requests,
                               LogReader& reader, const Clock& clock, JetStreamMetrics& metrics,
                               const std::string& stream, const std::string& node,
                               std::function<void()> on_recovered)
    : connection_(connection),
      requests_(requests),
      reader_(reader),
      clock_(clock),
      metrics_(metrics),
      log_subject_(stream + ".log.probe." + node),
      live_subject_(stream + ".live.probe." + node),
      on_recovered_(std::move(on_recovered)) {
  connection_.Subscribe(live_subject_);
}

const char* ReadinessProbe::ToString(State state) {
  switch (state) {
    case State::kUnproven:
      return "unproven";
    case State::kReady:
      return "ready";
    case State::kNotReady:
      return "not ready";
    case State::kOtherStream:
      return "other stream";
    case State::kStopped:
      return "stopped";
  }
  return "?";
}

void ReadinessProbe::ChangeState(State to, const char* why) {
  CHANNEL_CHECK(to != State::kUnproven);
  CHANNEL_CHECK(to == State::kStopped || !Ended());
  const std::string_view before = unready_reason_.exchange(to == State::kReady ? "" : why);
  if (to == State::kReady && state_ != State::kReady) {
    spdlog::info("ready: {}", why);
  } else if (to == State::kNotReady && before != why) {
    spdlog::warn("not ready: {}", why);
  } else {
    spdlog::debug("readiness: {} -> {}: {}", ToString(state_), ToString(to), why);
  }
  state_ = to;
}

bool ReadinessProbe::OnMessage(const NatsMessage& message) {
  if (message.subject() != live_subject_) return false;
  came_back_ = message.sequence;
  return true;
}

void ReadinessProbe::OnTick() {
  const SteadyTime now = clock_.Now();
  if (now < next_probe_) return;
  next_probe_ = now + kProbePause;
  Probe();
}

void ReadinessProbe::Probe() {
  const auto on_reply = [this, sent_at = clock_.Now()](const NatsMessage* reply) {
    OnPubAck(sent_at, reply);
  };
  requests_.Send(log_subject_, "", on_reply);
}

void ReadinessProbe::OnPubAck(SteadyTime sent_at, const NatsMessage* reply) {
  const PubAck ack = reply == nullptr ? PubAck{} : ParsePubAck(*reply);
  if (ack.stored()) reader_.OnStored(sent_at, ack.sequence);
  // The server republishes a message before it acknowledges it.
  if (!ack.stored() || came_back_ == 0) {
    OnProbed(false);
    return;
  }
  const auto on_message = [this](const MessageQuery::Result& stored) {
    OnProbed(stored.content.has_value());
  };
  reader_.StartGet(std::exchange(came_back_, 0), clock_.Now() + LogReader::kReadPatience,
                   on_message);
}

void ReadinessProbe::OnProbed(bool worked) {
  const bool refused = connection_.TakeRefused();
  if (Ended()) worked = false;
  metrics_.ready.Set(worked ? 1 : 0);
  if (Ended()) return;
  if (worked) {
    ChangeState(State::kReady, "NATS stores, brings and reads publications");
    if (!std::exchange(disturbed_, false)) return;
    reader_.CheckIdentity();
    on_recovered_();
    return;
  }
  disturbed_ = true;
  reader_.CheckIdentity();
  ChangeState(State::kNotReady, UnreadyReason(refused));
}

const char* ReadinessProbe::UnreadyReason(bool refused) const {
  if (refused) return kNotPermitted;
  if (reader_.api_error() != nullptr) return reader_.api_error();
  return "the log does not work: NATS did not store, bring and read a publication";
}

}  // namespace channel
