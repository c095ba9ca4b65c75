// The peer of the engine figure: what a plain NATS client with the same durability costs. Publishes
// to a stream of the same configuration as the service's (made by the service's own code), with
// Nats-Msg-Id, asynchronously and acknowledged, one subject for each group; a subscription for each
// live subject, or one for all (which costs less?), checks every publication. Prints one line of
// JSON with the CPU time that this process and the processes PID used.
//
//   bench_jetstream each|all nats://HOST:PORT FIRST_GROUP GROUPS TOGETHER IN_FLIGHT BYTES
//       PUBLICATIONS INTERVAL_US PID...
//
// See engine_run.h for the load. libnats as it comes, but for two things: one thread of its takes
// all messages, and at low load it writes each publication at once. The main thread publishes.
#include <nats/nats.h>
#include <spdlog/spdlog.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "channel_service/engine/jetstream/log_stream.h"
#include "channel_service/engine/jetstream/subject.h"
#include "tests/bench/load/clocks.h"
#include "tests/bench/load/engine_run.h"

namespace channel::bench {
namespace {

constexpr char kStream[] = "PEER";
constexpr std::chrono::seconds kStreamPatience{5};

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "bench_jetstream: %s\n", why.c_str());
  std::_Exit(1);  // libnats' threads are in our callbacks
}

void Must(natsStatus status, const char* what) {
  if (status != NATS_OK) Die(std::string(what) + ": " + natsStatus_GetText(status));
}

class JetstreamLink {
 public:
  JetstreamLink(const char* url, bool subscription_for_each, const EngineLoad& load,
                EngineLedger& ledger)
      : load_(load),
        ledger_(ledger),
        message_(load.bytes, ' '),
        message_id_("p.bench-" + std::to_string(getpid()) + "-" +
                    std::to_string(Now(CLOCK_REALTIME) / 1'000'000) + ".") {
    Connect(url);
    const auto facts = OpenLogStream(connection_, {.name = kStream}, kStreamPatience);
    if (!facts.ok()) Die(facts.status().ToString());
    jsOptions options;
    jsOptions_Init(&options);
    options.PublishAsync.AckHandler = &OnAnswer;
    options.PublishAsync.AckHandlerClosure = this;
    Must(natsConnection_JetStream(&context_, connection_, &options), "JetStream");
    for (const std::string& group : GroupNames(load)) {
      numbers_.emplace(LiveSubject(kStream, group), static_cast<uint32_t>(subjects_.size()));
      subjects_.push_back(LogSubject(kStream, group));
    }
    if (subscription_for_each) {
      for (const auto& [subject, number] : numbers_) Subscribe(subject);
    } else {
      Subscribe(std::string(kStream) + ".live.>");
    }
    Must(natsConnection_Flush(connection_), "flush");
  }

  void Send(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t number = ledger_.Send(message_.data());
      const std::string id = message_id_ + std::to_string(number);
      natsMsg* message = nullptr;
      Must(natsMsg_Create(&message, subjects_[GroupOf(number, load_.groups)].c_str(), nullptr,
                          message_.data(), static_cast<int>(message_.size())),
           "message");
      jsPubOptions options;
      jsPubOptions_Init(&options);
      options.MsgId = id.c_str();
      Must(js_PublishMsgAsync(context_, &message, &options), "publish");
    }
  }

  void Await(uint64_t done) {
    awaited_ = done;
    // Whoever takes `awaited_` back tells; the callback may have done it before we look.
    if (ledger_.done() >= done && awaited_.exchange(0) == done) return;
    if (!reached_.try_acquire_for(std::chrono::nanoseconds(kEngineSilenceNs))) {
      Die("nothing came: " + std::to_string(ledger_.sent() - ledger_.done()) +
          " publications are lost");
    }
  }

  void Rest(int64_t time) {
    const timespec until{.tv_sec = time / 1'000'000'000, .tv_nsec = time % 1'000'000'000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }

 private:
  void Connect(const char* url) {
    nats_SetMessageDeliveryPoolSize(1);
    natsOptions* options = nullptr;
    Must(natsOptions_Create(&options), "options");
    Must(natsOptions_SetURL(options, url), "the address");
    Must(natsOptions_UseGlobalMessageDelivery(options, true), "options");
    // Otherwise what is published within 1 ms is written together, which costs less.
    Must(natsOptions_SetSendAsap(options, load_.interval_us > 0), "options");
    const auto failed = [](natsConnection*, natsSubscription*, natsStatus status, void*) {
      Die(natsStatus_GetText(status));
    };
    Must(natsOptions_SetErrorHandler(options, failed, nullptr), "options");
    Must(natsConnection_Connect(&connection_, options), "connect");
    natsOptions_Destroy(options);
  }

  void Subscribe(const std::string& subject) {
    natsSubscription* subscription = nullptr;  // as long as the process
    Must(natsConnection_Subscribe(&subscription, connection_, subject.c_str(), &OnLive, this),
         "subscribe");
  }

  static void OnLive(natsConnection*, natsSubscription*, natsMsg* message, void* link) {
    auto* const self = static_cast<JetstreamLink*>(link);
    const auto found = self->numbers_.find(natsMsg_GetSubject(message));
    if (found == self->numbers_.end()) Die("a message of another subject");
    self->ledger_.OnDelivered(found->second, {natsMsg_GetData(message),
                                              static_cast<size_t>(natsMsg_GetDataLength(message))});
    natsMsg_Destroy(message);
    self->Tell();
  }

  static void OnAnswer(jsCtx*, natsMsg* message, jsPubAck* answer, jsPubAckErr* error, void* link) {
    if (answer == nullptr) Die(std::string("refused: ") + error->ErrText);
    if (answer->Duplicate) Die("a publication was taken for a duplicate");
    auto* const self = static_cast<JetstreamLink*>(link);
    self->ledger_.OnAcknowledged(ReadMessage(
        {natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))}));
    natsMsg_Destroy(message);
    self->Tell();
  }

  void Tell() {
    const uint64_t awaited = awaited_;
    if (awaited == 0 || ledger_.done() < awaited) return;
    if (awaited_.exchange(0) == awaited) reached_.release();
  }

  const EngineLoad load_;
  EngineLedger& ledger_;
  natsConnection* connection_ = nullptr;
  jsCtx* context_ = nullptr;
  std::vector<std::string> subjects_;                  // by number of the group
  std::unordered_map<std::string, uint32_t> numbers_;  // of groups, by live subject
  std::string message_;
  const std::string message_id_;       // its beginning
  std::atomic<uint64_t> awaited_ = 0;  // what the main thread waits for, 0 = nothing
  std::binary_semaphore reached_{0};
};

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  using namespace channel::bench;
  constexpr int kFirstPid = 3 + EngineLoad::kArguments;
  EngineLoad load;
  CpuClocks servers;
  const std::string_view subscriptions = argc > 1 ? argv[1] : "";
  if (argc <= kFirstPid || (subscriptions != "each" && subscriptions != "all") ||
      !load.Read(argv + 3)) {
    std::fprintf(stderr, "usage: bench_jetstream each|all nats://HOST:PORT %s\n",
                 EngineLoad::kUsage);
    return 64;
  }
  for (int i = kFirstPid; i < argc; ++i) {
    if (!servers.Add(std::atoi(argv[i]))) Die("no such process");
  }
  spdlog::set_level(spdlog::level::off);  // standard output is ours
  EngineLedger ledger(load);
  JetstreamLink link(argv[2], subscriptions == "each", load, ledger);
  EngineRun(load, servers, ledger, link).Run(/*own_counts=*/true);
  std::_Exit(0);  // libnats' threads need no farewell
}
