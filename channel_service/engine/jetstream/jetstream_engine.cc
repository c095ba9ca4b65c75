#include "channel_service/engine/jetstream/jetstream_engine.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "channel_service/base/check.h"
#include "channel_service/engine/jetstream/jetstream_error.h"
#include "channel_service/engine/jetstream/pub_ack.h"
#include "channel_service/engine/jetstream/subject.h"
#include "channel_service/wire/record.h"

namespace channel {
namespace {

constexpr std::chrono::seconds kProbePause{1};
// Groups that are compared with the stream at one time, so that a node with many does not fill
// NATS's queues.
constexpr size_t kVerifiesMax = 256;
// Live publications of all groups that wait until what was missed before them has been read.
constexpr size_t kWaitingBytesMax = 64 << 20;
// A message takes this beside its body: the group id, the key, headers.
constexpr int64_t kMessageOverheadBytes = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<JetStreamEngine>> JetStreamEngine::Open(
    JetStreamOptions options, const Clock& clock, prometheus::Registry& registry,
    const ServiceLimits& limits, std::chrono::milliseconds patience) {
  if (auto status = options.stream.Check(); !status.ok()) return status;
  auto link = std::make_unique<NatsConnection>(options.nats, "channel-" + options.node);
  if (auto status = link->Connect(patience); !status.ok()) return status;
  const int64_t payload_max = natsConnection_GetMaxPayload(link->connection());
  const auto needed = static_cast<int64_t>(limits.message_bytes_max) + kMessageOverheadBytes;
  if (payload_max < needed) {
    return absl::FailedPreconditionError(
        fmt::format("NATS takes messages of {} bytes (max_payload), --message_bytes_max needs {}",
                    payload_max, needed));
  }
  auto facts = OpenLogStream(link->connection(), options.stream, patience);
  if (!facts.ok()) return facts.status();
  return std::unique_ptr<JetStreamEngine>(new JetStreamEngine(
      std::move(options), limits, clock, registry, std::move(link), *std::move(facts)));
}

JetStreamEngine::JetStreamEngine(JetStreamOptions options, const ServiceLimits& limits,
                                 const Clock& clock, prometheus::Registry& registry,
                                 std::unique_ptr<NatsConnection> link, LogStream facts)
    : options_(std::move(options)),
      limits_(limits),
      clock_(clock),
      metrics_(registry),
      link_(std::move(link)),
      facts_(std::move(facts)),
      requests_(*link_, clock, "_INBOX.channel." + options_.node),
      reader_(requests_, clock, options_.stream.name, facts_, [this] { OnOtherStream(); }),
      lanes_(requests_, reader_, clock, metrics_, options_.stream.name, options_.node,
             [this](std::string_view group_id, uint64_t offset) {
               const auto found = followed_.find(group_id);
               // What is stored is brought before it is acknowledged.
               if (found != followed_.end()) ReadUpTo(found->second.get(), offset);
             }),
      live_prefix_(options_.stream.name + ".live.g."),
      leader_subject_("$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED." + options_.stream.name),
      probe_subject_(options_.stream.name + ".live.probe." + options_.node) {
  link_->Subscribe(leader_subject_);
  link_->Subscribe(probe_subject_);
}

JetStreamEngine::~JetStreamEngine() { link_->Stop(); }

void JetStreamEngine::Start(const Post& post) {
  link_->Start([this, post] { post([this] { OnWake(); }); });
}

void JetStreamEngine::Stop() {
  stopped_ = true;
  link_->Stop();
  unready_reason_ = "stopping";
  lanes_.Stop();
  reader_.Stop();
  requests_.FailAll();
  lanes_.Stop();  // what was on its way
  for (auto& [group_id, followed] : followed_) {
    for (auto& [request, done] : std::exchange(followed->waiting_reads, {})) {
      done(ReadResult{.available = false, .gap = {}, .records = {}});
    }
  }
}

void JetStreamEngine::StartPublish(const PublishInput& input, PublishWaiter* waiter,
                                   uint64_t ticket) {
  lanes_.Publish(input, waiter, ticket);
}

void JetStreamEngine::Attach(std::string_view group_id, GroupSink* sink) {
  auto followed = std::make_unique<Followed>(
      Followed{.group_id = std::string(group_id), .sink = sink, .id = ++last_id_});
  Followed* const added = followed.get();
  CHANNEL_CHECK(followed_.emplace(added->group_id, std::move(followed)).second);
  link_->Subscribe(LiveSubject(options_.stream.name, group_id));
  AskHead(added);
}

void JetStreamEngine::Detach(std::string_view group_id) {
  const auto found = followed_.find(group_id);
  CHANNEL_CHECK(found != followed_.end());
  link_->Unsubscribe(LiveSubject(options_.stream.name, group_id));
  const std::unique_ptr<Followed> detached = std::move(found->second);
  followed_.erase(found);
  TakeWaiting(detached.get());
  recent_bytes_ -= detached->recent.bytes();
  for (auto& [request, done] : detached->waiting_reads) {
    reader_.StartRead(request, std::nullopt, std::move(done));
  }
}

JetStreamEngine::Followed* JetStreamEngine::Find(std::string_view group_id, uint64_t id) {
  const auto found = followed_.find(group_id);
  return found == followed_.end() || found->second->id != id ? nullptr : found->second.get();
}

void JetStreamEngine::StartRead(const ReadRequest& request, ReadDone done) {
  const auto found = followed_.find(request.group_id);
  if (found == followed_.end() || stopped_) {
    reader_.StartRead(request, std::nullopt, std::move(done));
  } else if (found->second->head.has_value()) {
    ReadResult result;
    if (ReadRecent(*found->second, request, &result)) {
      done(std::move(result));
    } else {
      reader_.StartRead(request, found->second->head, std::move(done));
    }
  } else {
    ReadRequest later = request;
    later.group_id = found->second->group_id;
    found->second->waiting_reads.emplace_back(std::move(later), std::move(done));
  }
}

void JetStreamEngine::AskHead(Followed* followed) {
  const auto done = [this, group_id = followed->group_id, id = followed->id](LogReader::Head head) {
    OnHead(group_id, id, head);
  };
  reader_.StartHead(followed->group_id, done);
}

void JetStreamEngine::OnHead(const std::string& group_id, uint64_t id, LogReader::Head head) {
  Followed* followed = Find(group_id, id);
  if (followed == nullptr) return;
  if (head.available) {
    followed->head = head;
    followed->given = head.offset;
    followed->recent_after = head.offset;
  }
  for (auto& [request, done] : std::exchange(followed->waiting_reads, {})) {
    request.group_id = group_id;  // the group may be detached meanwhile
    if (head.available) {
      reader_.StartRead(request, head, std::move(done));
    } else {
      done(ReadResult{.available = false, .gap = {}, .records = {}});
    }
  }
  followed = Find(group_id, id);
  if (followed == nullptr) return;
  if (head.available) {
    GiveWaiting(followed);
  } else if (!stopped_) {
    AskHead(followed);
  }
}

void JetStreamEngine::OnWake() {
  if (stopped_) return;  // posted before
  NatsConnection::Arrived arrived = link_->TakeArrived();
  if (arrived.dropped) VerifyAll();
  if (arrived.reconnected) {
    disturbed_ = true;
    requests_.FailAll();
    VerifyAll();
  }
  for (NatsMessage& message : arrived.messages) {
    const std::string_view subject = message.subject();
    if (requests_.OnMessage(message)) continue;
    if (subject.substr(0, live_prefix_.size()) == live_prefix_) {
      OnLive(std::move(message));
    } else if (subject == probe_subject_) {
      probe_live_ = message.sequence;
    } else if (subject == leader_subject_) {
      spdlog::info("stream {} has another leader", options_.stream.name);
      VerifyAll();
    }
  }
  lanes_.GoOn();
  const SteadyTime now = clock_.Now();
  if (now < next_tick_) return;
  next_tick_ = now + NatsConnection::kTick;
  requests_.OnTick();
  reader_.OnTick();
  lanes_.OnTick();
  if (now >= next_probe_) {
    next_probe_ = now + kProbePause;
    Probe();
  }
  Sweep();
}

void JetStreamEngine::OnLive(NatsMessage message) {
  reader_.Saw(message.sequence);
  const auto group_id = FromToken(message.subject().substr(live_prefix_.size()));
  const auto found = group_id.has_value() ? followed_.find(*group_id) : followed_.end();
  if (found == followed_.end()) {
    metrics_.foreign.Increment();  // of a group that was detached just now
    return;
  }
  metrics_.received.Increment();
  Followed* const followed = found->second.get();
  if (!followed->head.has_value() || followed->reading) {
    followed->seen = std::max(followed->seen, message.sequence);
    const size_t bytes = message.data().size() + sizeof(NatsMessage);
    if (waiting_bytes_ + bytes > kWaitingBytesMax) return;  // it is read with the others
    waiting_bytes_ += bytes;
    followed->waiting.push_back(std::move(message));
  } else if (message.sequence > followed->head->offset) {
    if (message.last_sequence > followed->head->offset) {
      ReadUpTo(followed, message.sequence);
    } else {
      Give(followed, message);
    }
  }
}

void JetStreamEngine::Give(Followed* followed, const NatsMessage& message) {
  followed->head = LogReader::Head{true, true, message.sequence};
  if (!IsContentOf(followed->group_id, message.data())) {
    spdlog::warn("stream {} has something at {} that is no publication of its group",
                 options_.stream.name, message.sequence);
    return;
  }
  RecordPtr record = MakeRecord(message.data(), message.sequence, followed->given, clock_.Now());
  followed->given = message.sequence;
  Keep(followed, record);
  followed->sink->OnPublication(record);
}

template <typename Change>
void JetStreamEngine::ChangeRecent(Followed* followed, Change change) {
  recent_bytes_ -= followed->recent.bytes();
  change(followed->recent);
  recent_bytes_ += followed->recent.bytes();
}

void JetStreamEngine::Keep(Followed* followed, RecordPtr record) {
  ChangeRecent(followed, [&](HistoryRing& recent) {
    recent.Append(std::move(record), limits_.history_publications_max, limits_.history_bytes_max);
    // NATS has it, too.
    if (recent_bytes_ + recent.bytes() > limits_.history_total_bytes_max) recent.Clear();
  });
}

bool JetStreamEngine::ReadRecent(const Followed& followed, const ReadRequest& request,
                                 ReadResult* result) const {
  const HistoryRing& recent = followed.recent;
  uint64_t after = 0;
  if (request.since.has_value()) {
    after = request.since->offset;
    const uint64_t kept_after = std::max(followed.recent_after, recent.dropped_through());
    if (request.since->epoch != facts_.epoch || after < kept_after || after > reader_.newest()) {
      return false;
    }
  } else {
    if (request.last == 0 || recent.size() < request.last) return false;
    after = recent.OffsetBeforeLast(request.last);
  }
  result->head = followed.head->offset;
  result->newest = std::max(reader_.newest(), result->head);
  recent.Read(after, request, result);
  return true;
}

std::vector<NatsMessage> JetStreamEngine::TakeWaiting(Followed* followed) {
  for (const NatsMessage& message : followed->waiting) {
    waiting_bytes_ -= message.data().size() + sizeof(NatsMessage);
  }
  return std::exchange(followed->waiting, {});
}

void JetStreamEngine::GiveWaiting(Followed* followed) {
  const std::string group_id = followed->group_id;
  const uint64_t id = followed->id;
  for (const NatsMessage& message : TakeWaiting(followed)) {
    if (message.sequence <= followed->head->offset) continue;
    if (message.last_sequence > followed->head->offset) break;
    Give(followed, message);
    followed = Find(group_id, id);
    if (followed == nullptr) return;
  }
  ReadUpTo(followed, followed->seen);
}

void JetStreamEngine::ReadUpTo(Followed* followed, uint64_t offset) {
  if (!followed->head.has_value() || followed->reading) {
    followed->seen = std::max(followed->seen, offset);
    return;
  }
  if (offset <= followed->head->offset) return;
  followed->reading = true;
  metrics_.resubscriptions.Increment();
  const ReadRequest missed{.group_id = followed->group_id,
                           .since = StreamPosition{facts_.epoch, followed->given}};
  const LogReader::Head head{true, true, offset};
  reader_.StartRead(
      missed, head,
      [this, group_id = followed->group_id, id = followed->id, offset](const ReadResult& result) {
        Followed* reading = Find(group_id, id);
        if (reading == nullptr) return;
        reading->reading = false;
        if (!result.available) {
          to_verify_.push_back(group_id);
          return;
        }
        // Dropped from the log or not: up to here nothing more is to come.
        reading->head = LogReader::Head{true, true, std::max(offset, result.head)};
        if (result.gap.has_value() || result.head < offset) {
          ChangeRecent(reading, [](HistoryRing& recent) { recent.Clear(); });
          reading->recent_after = reading->head->offset;
        }
        for (const RecordPtr& record : result.records) {
          reading->given = record->offset;
          if (!result.gap.has_value() && result.head >= offset) Keep(reading, record);
          reading->sink->OnPublication(record);
          reading = Find(group_id, id);
          if (reading == nullptr) return;
        }
        // The next record's previous offset tells receivers that something is missing.
        if (result.gap.has_value() || result.head < offset) reading->given = reading->head->offset;
        GiveWaiting(reading);
      });
}

void JetStreamEngine::Verify(Followed* followed) {
  reader_.StartHead(followed->group_id,
                    [this, group_id = followed->group_id, id = followed->id](LogReader::Head head) {
                      Followed* const verified = Find(group_id, id);
                      if (verified == nullptr) return;
                      if (!head.available) {
                        to_verify_.push_back(group_id);
                      } else if (head.own) {
                        // It may have overtaken the live ones: these get another tick.
                        verified->seen = std::max(verified->seen, head.offset);
                        behind_.push_back(group_id);
                      }
                    });
}

void JetStreamEngine::VerifyAll() {
  to_verify_.clear();
  for (const auto& [group_id, followed] : followed_) to_verify_.push_back(group_id);
}

void JetStreamEngine::Sweep() {
  for (const std::string& group_id : std::exchange(behind_, {})) {
    const auto found = followed_.find(group_id);
    if (found != followed_.end()) ReadUpTo(found->second.get(), found->second->seen);
  }
  while (!to_verify_.empty() && requests_.size() < kVerifiesMax) {
    const auto found = followed_.find(to_verify_.back());
    to_verify_.pop_back();
    if (found != followed_.end()) Verify(found->second.get());
  }
  if (to_sweep_.empty() && clock_.Now() >= next_sweep_) {
    next_sweep_ = clock_.Now() + kSweepTime;
    for (const auto& [group_id, followed] : followed_) to_sweep_.push_back(group_id);
  }
  const size_t count = followed_.size() * NatsConnection::kTick / kSweepTime + 1;
  const SteadyTime oldest_kept = clock_.Now() - limits_.history_age_max;
  for (size_t i = 0; i < count && !to_sweep_.empty(); ++i) {
    const auto swept = followed_.find(to_sweep_.back());
    if (swept != followed_.end()) {
      ChangeRecent(swept->second.get(),
                   [&](HistoryRing& recent) { recent.DropOlderThan(oldest_kept); });
    }
    to_verify_.push_back(std::move(to_sweep_.back()));
    to_sweep_.pop_back();
  }
}

void JetStreamEngine::OnOtherStream() {
  if (std::exchange(other_stream_, true)) return;
  spdlog::critical("stream {} is gone, or another one has its name: the log began anew",
                   options_.stream.name);
  unready_reason_ = "the log began anew";
  options_.on_other_stream();
}

// Readiness is a publication that was stored, came back, and can be read.
void JetStreamEngine::Probe() {
  const SteadyTime asked = clock_.Now();
  const auto on_answer = [this, asked](const NatsMessage* answer) {
    const PubAck parsed = answer == nullptr ? PubAck{} : ParsePubAck(*answer);
    if (parsed.stored) reader_.Stored(asked, parsed.offset);
    // What is stored is brought before it is acknowledged.
    if (!parsed.stored || probe_live_ == 0) {
      OnProbed(false);
      return;
    }
    reader_.StartGet(
        std::exchange(probe_live_, 0), clock_.Now() + LogReader::kReadPatience,
        [this](const LogReader::Content& stored) { OnProbed(stored.held.has_value()); });
  };
  requests_.Ask(options_.stream.name + ".log.probe." + options_.node, "", on_answer);
}

void JetStreamEngine::OnProbed(bool worked) {
  if (other_stream_ || stopped_) worked = false;
  metrics_.ready.Set(worked ? 1 : 0);
  const bool refused = link_->TakeRefused();
  if (worked) {
    SetUnready("");
    if (std::exchange(disturbed_, false)) {
      reader_.CheckIdentity();
      VerifyAll();
    }
    return;
  }
  if (other_stream_ || stopped_) return;  // the reason is known
  disturbed_ = true;
  reader_.CheckIdentity();
  if (refused) {
    SetUnready(kNotPermitted);
  } else if (reader_.fault() != nullptr) {
    SetUnready(reader_.fault());
  } else {
    SetUnready("the log does not work: NATS did not store, bring and read a publication");
  }
}

void JetStreamEngine::SetUnready(const char* reason) {
  const std::string_view before = unready_reason_.exchange(reason);
  if (before == reason) return;
  if (*reason == '\0') {
    spdlog::info("ready: NATS stores, brings and reads publications");
  } else {
    spdlog::warn("not ready: {}", reason);
  }
}

}  // namespace channel
