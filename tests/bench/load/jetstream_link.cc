#include <nats/nats.h>
#include <spdlog/spdlog.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "channel_service/engine/jetstream/log_stream.h"
#include "channel_service/engine/jetstream/subject.h"
#include "tests/bench/load/pubsub_run.h"

namespace channel::bench {
namespace {

constexpr char kStream[] = "PEER";
constexpr std::chrono::seconds kStreamPatience{5};

void Must(natsStatus status, const char* what) {
  if (status != NATS_OK) Die(std::string(what) + ": " + natsStatus_GetText(status));
}

// A plain NATS client with the engine's durability: a stream of the same configuration as the
// service's (made by the service's own code), Nats-Msg-Id, publications that are asynchronous and
// acknowledged, one subject for each group, one subscription for all of them (one for each cost
// more). libnats is used as it comes, but for two things: one thread of its takes all messages, and
// at low load it writes each publication at once.
class JetstreamLink final : public PubsubLink {
 public:
  JetstreamLink(const PubsubLoad& load, PubsubLedger& ledger)
      : load_(load),
        ledger_(ledger),
        message_(load.bytes, ' '),
        message_id_("p.bench-" + std::to_string(getpid()) + "-" +
                    std::to_string(Now(CLOCK_REALTIME) / kMillisecond) + ".") {
    spdlog::set_level(spdlog::level::off);  // standard output is ours
    if (load.subscribers != 1) Die("JetStream is measured with one subscriber");
    Connect("nats://" + load.address);
    const auto facts = OpenLogStream(connection_, {.name = kStream}, kStreamPatience);
    if (!facts.ok()) Die(facts.status().ToString());
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.AckHandler = &OnAnswer;
    options.PublishAsync.AckHandlerClosure = this;
    Must(natsConnection_JetStream(&context_, connection_, &options), "JetStream");
    std::vector<std::string> live;
    for (const std::string& group : load.GroupNames()) {
      live.push_back(LiveSubject(kStream, group));
      subjects_.push_back(LogSubject(kStream, group));
    }
    ledger.SetDeliveredNames(std::move(live));
    natsSubscription* subscription = nullptr;  // as long as the process
    const std::string all = std::string(kStream) + ".live.>";
    Must(natsConnection_Subscribe(&subscription, connection_, all.c_str(), &OnLive, this),
         "subscribe");
    Must(natsConnection_Flush(connection_), "flush");
  }

  void Send(uint32_t count) override {
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t sender = ledger_.NextSender();
      ledger_.Write(sender, message_.data());
      const std::string id = message_id_ + std::to_string(ledger_.sent());
      natsMsg* message = nullptr;
      Must(natsMsg_Create(&message, subjects_[load_.GroupOf(sender)].c_str(), nullptr,
                          message_.data(), static_cast<int>(message_.size())),
           "message");
      jsPubOptions options;
      jsPubOptions_Init(&options);
      options.MsgId = id.c_str();
      Must(js_PublishMsgAsync(context_, &message, &options), "publish");
    }
  }

  void Await(uint64_t done) override {
    awaited_ = done;
    // Whoever takes `awaited_` back tells; the callback may have done it before we look.
    if (ledger_.done() >= done && awaited_.exchange(0) == done) return;
    if (!reached_.try_acquire_for(std::chrono::nanoseconds(kSilenceNs))) {
      Die("nothing came: " + std::to_string(ledger_.sent() - ledger_.done()) +
          " publications are lost");
    }
  }

  void Rest(int64_t time) override {
    const timespec until{.tv_sec = time / kSecond, .tv_nsec = time % kSecond};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }

 private:
  void Connect(const std::string& url) {
    nats_SetMessageDeliveryPoolSize(1);
    natsOptions* options = nullptr;
    Must(natsOptions_Create(&options), "options");
    Must(natsOptions_SetURL(options, url.c_str()), "the address");
    Must(natsOptions_UseGlobalMessageDelivery(options, true), "options");
    // Otherwise what is published within 1 ms is written together, which costs less.
    Must(natsOptions_SetSendAsap(options, load_.interval > 0), "options");
    const auto failed = [](natsConnection*, natsSubscription*, natsStatus status, void*) {
      Die(natsStatus_GetText(status));
    };
    Must(natsOptions_SetErrorHandler(options, failed, nullptr), "options");
    Must(natsConnection_Connect(&connection_, options), "connect");
    natsOptions_Destroy(options);
  }

  static std::string_view Text(const natsMsg* message) {
    return {natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))};
  }

  static void OnLive(natsConnection*, natsSubscription*, natsMsg* message, void* link) {
    auto* const self = static_cast<JetstreamLink*>(link);
    self->ledger_.OnDelivered(0, natsMsg_GetSubject(message), Text(message), Now());
    natsMsg_Destroy(message);
    self->Tell();
  }

  static void OnAnswer(jsCtx*, natsMsg* message, jsPubAck* answer, jsPubAckErr* error, void* link) {
    if (answer == nullptr) Die(std::string("refused: ") + error->ErrText);
    if (answer->Duplicate) Die("a publication was taken for a duplicate");
    auto* const self = static_cast<JetstreamLink*>(link);
    Message sent;
    if (!ReadMessage(Text(message), sent)) Die("libnats answers for another message");
    self->ledger_.OnAcknowledged(static_cast<int64_t>(sent.stamp));
    natsMsg_Destroy(message);
    self->Tell();
  }

  void Tell() {
    const uint64_t awaited = awaited_;
    if (awaited == 0 || ledger_.done() < awaited) return;
    if (awaited_.exchange(0) == awaited) reached_.release();
  }

  const PubsubLoad load_;
  PubsubLedger& ledger_;
  natsConnection* connection_ = nullptr;
  jsCtx* context_ = nullptr;
  std::vector<std::string> subjects_;  // to publish, by number of the group
  std::string message_;
  const std::string message_id_;       // its beginning
  std::atomic<uint64_t> awaited_ = 0;  // what the main thread waits for, 0 = nothing
  std::binary_semaphore reached_{0};
};

}  // namespace

std::unique_ptr<PubsubLink> MakeJetstreamLink(const PubsubLoad& load, PubsubLedger& ledger) {
  return std::make_unique<JetstreamLink>(load, ledger);
}

}  // namespace channel::bench
