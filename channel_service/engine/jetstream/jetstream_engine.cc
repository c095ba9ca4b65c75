#include "channel_service/engine/jetstream/jetstream_engine.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <utility>

namespace channel {
namespace {

// A message takes this beside its body: the group id, the key, headers.
constexpr int64_t kMessageOverheadBytes = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<JetStreamEngine>> JetStreamEngine::Open(
    JetStreamOptions options, const Clock& clock, prometheus::Registry& registry,
    const ServiceLimits& limits, std::chrono::milliseconds patience) {
  if (auto status = options.stream.Check(); !status.ok()) return status;
  auto connection = std::make_unique<NatsConnection>(options.nats, "channel-" + options.node);
  if (auto status = connection->Connect(patience); !status.ok()) return status;
  const int64_t payload_max = natsConnection_GetMaxPayload(connection->handle());
  const auto needed = static_cast<int64_t>(limits.message_bytes_max) + kMessageOverheadBytes;
  if (payload_max < needed) {
    return absl::FailedPreconditionError(
        fmt::format("NATS takes messages of {} bytes (max_payload), --message_bytes_max needs {}",
                    payload_max, needed));
  }
  auto log = OpenLogStream(connection->handle(), options.stream, patience);
  if (!log.ok()) return log.status();
  return std::unique_ptr<JetStreamEngine>(new JetStreamEngine(
      std::move(options), limits, clock, registry, std::move(connection), *std::move(log)));
}

JetStreamEngine::JetStreamEngine(JetStreamOptions options, const ServiceLimits& limits,
                                 const Clock& clock, prometheus::Registry& registry,
                                 std::unique_ptr<NatsConnection> connection, LogStream log)
    : options_(std::move(options)),
      clock_(clock),
      metrics_(registry),
      connection_(std::move(connection)),
      log_(std::move(log)),
      requests_(*connection_, clock, "_INBOX.channel." + options_.node),
      reader_(requests_, clock, options_.stream.name, log_, [this] { OnOtherStream(); }),
      groups_(*connection_, requests_,
              {.reader = reader_,
               .stream = options_.stream.name,
               .log = log_,
               .limits = limits,
               .clock = clock,
               .metrics = metrics_}),
      publisher_(requests_, reader_, clock, metrics_, options_.stream.name, options_.node,
                 [this](std::string_view group_id, uint64_t offset) {
                   // The server republishes a message before it acknowledges it.
                   AttachedGroup* const group = groups_.Find(group_id);
                   if (group != nullptr) group->CatchUp(offset);
                 }),
      probe_(*connection_, requests_, reader_, clock, metrics_, options_.stream.name, options_.node,
             [this] { groups_.CompareAll(); }),
      leader_subject_("$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED." + options_.stream.name) {
  connection_->Subscribe(leader_subject_);
}

JetStreamEngine::~JetStreamEngine() { connection_->Stop(); }

void JetStreamEngine::Start(const Post& post) {
  connection_->Start([this, post] { post([this] { OnWake(); }); });
}

void JetStreamEngine::Stop() {
  stopped_ = true;
  connection_->Stop();
  probe_.Stop();
  groups_.BeginStop();
  publisher_.Stop();
  reader_.Stop();
  requests_.FailAll();
  publisher_.Stop();  // what was on its way has failed now
  groups_.EndStop();
}

void JetStreamEngine::StartPublish(const PublishInput& input, PublishWaiter* waiter,
                                   uint64_t ticket) {
  publisher_.Publish(input, waiter, ticket);
}

void JetStreamEngine::Attach(std::string_view group_id, GroupSink* sink) {
  groups_.Attach(group_id, sink);
}

void JetStreamEngine::Detach(std::string_view group_id) { groups_.Detach(group_id); }

void JetStreamEngine::StartRead(const ReadRequest& request, ReadDone done) {
  AttachedGroup* const group = groups_.Find(request.group_id);
  if (group == nullptr || stopped_) {
    reader_.StartRead(request, std::nullopt, std::move(done));
  } else {
    group->StartRead(request, std::move(done));
  }
}

void JetStreamEngine::OnWake() {
  if (stopped_) return;  // posted before
  NatsConnection::Arrived arrived = connection_->TakeArrived();
  if (arrived.dropped) groups_.CompareAll();
  if (arrived.reconnected) {
    probe_.OnDisturbed();
    requests_.FailAll();
    groups_.CompareAll();
  }
  for (NatsMessage& message : arrived.messages) OnMessage(std::move(message));
  publisher_.GoOn();
  const SteadyTime now = clock_.Now();
  if (now < next_tick_) return;
  next_tick_ = now + NatsConnection::kTick;
  requests_.OnTick();
  reader_.OnTick();
  publisher_.OnTick();
  probe_.OnTick();
  groups_.OnTick();
}

void JetStreamEngine::OnMessage(NatsMessage message) {
  if (requests_.OnMessage(message) || groups_.OnMessage(message) || probe_.OnMessage(message)) {
    return;
  }
  if (message.subject() == leader_subject_) {
    spdlog::info("stream {} has another leader", options_.stream.name);
    groups_.CompareAll();
  }
}

void JetStreamEngine::OnOtherStream() {
  if (stopped_ || std::exchange(other_stream_, true)) return;
  spdlog::critical("stream {} is gone, or another one has its name: the log began anew",
                   options_.stream.name);
  probe_.OnOtherStream();
  options_.on_other_stream();
}

}  // namespace channel
