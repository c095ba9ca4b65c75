// One run of bench_pubsub: the load, the account of what was published and delivered, and the run
// itself, the same in front of every system.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/latency_histogram.h"
#include "tests/bench/load/message.h"
#include "tests/bench/load/sequence_check.h"

namespace channel::bench {

struct PubsubLoad {
  std::string address;       // HOST:PORT
  uint32_t subscribers = 1;  // each has a connection of its own, and all groups
  uint32_t first_group = 0;
  uint32_t groups = 1;
  uint32_t senders = 1;       // a multiple of `groups`; each has a sequence of its own
  uint32_t together = 1;      // sent when there is room for so many
  uint32_t in_flight = 1;     // sent, and not yet both acknowledged and delivered to all
  uint32_t bytes = 0;         // of a message
  uint32_t warm_up = 0;       // publications before the measured ones
  uint32_t publications = 0;  // measured ones; 0: as many as go in the time below
  int64_t time = 0;           // ns
  int64_t interval = 0;       // ns; not 0: one at a time, each so long after the one before

  bool IsValid() const;
  uint32_t GroupOf(uint32_t sender) const { return sender % groups; }
  std::vector<std::string> GroupNames() const;
};

// Every publication from its sending to its answer and its deliveries. One thread sends; one
// thread, the same or another, tells what has come.
class PubsubLedger {
 public:
  explicit PubsubLedger(const PubsubLoad& load);

  uint64_t sent() const { return sent_; }
  // Publications that were acknowledged, and delivered to all subscribers.
  uint64_t done() const;

  // Writes the next message of a sender, to `to`; returns its time.
  int64_t Write(uint32_t sender, char* to);
  // The sender whose turn it is.
  uint32_t NextSender() const { return static_cast<uint32_t>(sent_ % load_.senders); }
  // Writes the next message of the sender whose turn it is, and returns that.
  uint32_t WriteNext(char* to);
  void OnAcknowledged(int64_t sent_at);
  // The system acknowledged the oldest message that WriteNext wrote and that has no answer yet.
  void OnNextAcknowledged();
  // `group`: what it was delivered for; `now`: when it was read.
  void OnDelivered(uint32_t subscriber, std::string_view group, std::string_view text, int64_t now);
  // The groups' names, where deliveries call them otherwise than publications.
  void SetDeliveredNames(std::vector<std::string> names) { names_ = std::move(names); }

  // While nothing is on its way.
  void StartLatency();
  void AddTo(boost::json::object& result) const;

 private:
  // A run with an interval also keeps each single latency.
  struct Latency {
    void Add(int64_t ns, bool keep);
    void AddTo(boost::json::object& result, const std::string& name) const;
    LatencyHistogram all;
    std::vector<int64_t> samples;
  };

  const PubsubLoad load_;
  std::vector<std::string> names_;  // of the groups, in deliveries
  uint64_t sent_ = 0;
  std::deque<int64_t> unanswered_;   // times of sending, by WriteNext
  std::vector<uint32_t> sequences_;  // of the senders: the last one
  std::atomic<uint64_t> acknowledged_ = 0;
  std::vector<std::atomic<uint64_t>> delivered_;  // to each subscriber
  // Only the thread that tells what has come uses these.
  std::vector<SequenceCheck> checks_;  // of each subscriber, for each sender
  Latency acknowledge_;
  Latency deliver_;
  Faults faults_;
};

// The way to a system and back. A refusal, and a silence of kSilenceNs, ends the process.
class PubsubLink {
 public:
  static constexpr int64_t kSilenceNs = 10 * kSecond;

  virtual ~PubsubLink() = default;
  // Sends the ledger's next `count` publications.
  virtual void Send(uint32_t count) = 0;
  // Waits until so many are done.
  virtual void Await(uint64_t done) = 0;
  // Handles what comes until that time.
  virtual void Rest(int64_t time) = 0;
};

// The channel service, with a PublishStream: what is sent together is one request.
std::unique_ptr<PubsubLink> MakeStreamLink(const PubsubLoad& load, PubsubLedger& ledger);

// The channel service, with the unary `Publish`, all over one connection. Each sender has one call
// on its way at a time.
std::unique_ptr<PubsubLink> MakeUnaryLink(const PubsubLoad& load, PubsubLedger& ledger);

// nats-server and Redis, their protocols by hand; one group. What is sent together is one write.
std::unique_ptr<PubsubLink> MakeNatsLink(const PubsubLoad& load, PubsubLedger& ledger);
std::unique_ptr<PubsubLink> MakeRedisLink(const PubsubLoad& load, PubsubLedger& ledger);

// A stream of nats-server, by libnats in this process; one subscriber.
std::unique_ptr<PubsubLink> MakeJetstreamLink(const PubsubLoad& load, PubsubLedger& ledger);

// Publishes and measures; the result, without the processes' own names. `own_counts`: this process
// is part of what is measured.
boost::json::object RunPubsub(const PubsubLoad& load, const CpuClocks& servers,
                              PubsubLedger& ledger, PubsubLink& link, bool own_counts);

}  // namespace channel::bench
