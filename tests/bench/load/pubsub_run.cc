#include "tests/bench/load/pubsub_run.h"

#include <algorithm>

namespace channel::bench {
namespace {

constexpr int64_t kGraceNs = 5 * kMillisecond;  // what comes after all has come is a duplicate

// Publishes until `count` are sent or the time is over; then waits until all are done.
void PublishUntil(uint64_t count, int64_t end, const PubsubLoad& load, const PubsubLedger& ledger,
                  PubsubLink& link) {
  int64_t next = Now();
  while (ledger.sent() < count && Now() < end) {
    if (load.interval > 0) {
      link.Rest(next);
      link.Send(1);
      link.Await(ledger.sent());
      next = std::max(next + load.interval, Now());
      continue;
    }
    const uint64_t together = std::min<uint64_t>(load.together, count - ledger.sent());
    if (ledger.sent() + together > load.in_flight) {
      link.Await(ledger.sent() + together - load.in_flight);
    }
    link.Send(static_cast<uint32_t>(together));
  }
  link.Await(ledger.sent());
}

}  // namespace

bool PubsubLoad::IsValid() const {
  return subscribers > 0 && groups > 0 && senders > 0 && senders % groups == 0 && together > 0 &&
         in_flight >= together && IsMessageSize(bytes) && (publications > 0 || time > 0);
}

std::vector<std::string> PubsubLoad::GroupNames() const {
  std::vector<std::string> names;
  for (uint32_t i = 0; i < groups; ++i) names.push_back("bench-" + std::to_string(first_group + i));
  return names;
}

PubsubLedger::PubsubLedger(const PubsubLoad& load)
    : load_(load),
      names_(load.GroupNames()),
      sequences_(load.senders),
      delivered_(load.subscribers),
      checks_(size_t{load.subscribers} * load.senders) {}

uint64_t PubsubLedger::done() const {
  uint64_t done = acknowledged_;
  for (const std::atomic<uint64_t>& delivered : delivered_) done = std::min(done, delivered.load());
  return done;
}

int64_t PubsubLedger::Write(uint32_t sender, char* to) {
  ++sent_;
  const int64_t now = Now();
  WriteMessage({sender, ++sequences_[sender], static_cast<uint64_t>(now)}, load_.bytes, to);
  return now;
}

uint32_t PubsubLedger::WriteNext(char* to) {
  const uint32_t sender = NextSender();
  unanswered_.push_back(Write(sender, to));
  return sender;
}

void PubsubLedger::OnNextAcknowledged() {
  if (unanswered_.empty()) Die("an answer too many");
  OnAcknowledged(unanswered_.front());
  unanswered_.pop_front();
}

void PubsubLedger::OnAcknowledged(int64_t sent_at) {
  acknowledge_.Add(Now() - sent_at, load_.interval > 0);
  ++acknowledged_;
}

void PubsubLedger::OnDelivered(uint32_t subscriber, std::string_view group, std::string_view text,
                               int64_t now) {
  Message message;
  if (text.size() != load_.bytes || !ReadMessage(text, message) ||
      message.sender >= load_.senders || names_[load_.GroupOf(message.sender)] != group) {
    ++faults_.damaged;
  } else {
    checks_[size_t{subscriber} * load_.senders + message.sender].OnMessage(message.sequence,
                                                                           faults_);
    deliver_.Add(now - static_cast<int64_t>(message.stamp), load_.interval > 0);
  }
  std::atomic<uint64_t>& delivered = delivered_[subscriber];  // only this thread writes it
  delivered.store(delivered.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void PubsubLedger::StartLatency() { acknowledge_ = deliver_ = {}; }

void PubsubLedger::AddTo(boost::json::object& result) const {
  acknowledge_.AddTo(result, "acknowledge");
  deliver_.AddTo(result, "deliver");
  faults_.AddTo(result, {});
}

void PubsubLedger::Latency::Add(int64_t ns, bool keep) {
  all.Add(ns);
  if (keep) samples.push_back(ns);
}

void PubsubLedger::Latency::AddTo(boost::json::object& result, const std::string& name) const {
  result[name + "_p50_ns"] = all.Percentile(0.5);
  result[name + "_p99_ns"] = all.Percentile(0.99);
  if (!samples.empty()) {
    result[name + "_samples_ns"] = boost::json::array(samples.begin(), samples.end());
  }
}

boost::json::object RunPubsub(const PubsubLoad& load, const CpuClocks& servers,
                              PubsubLedger& ledger, PubsubLink& link, bool own_counts) {
  constexpr int64_t kNever = INT64_MAX;
  constexpr int64_t kWarmUpNs = 200 * kMillisecond;
  const bool timed = load.publications == 0;
  PublishUntil(timed ? UINT64_MAX : load.warm_up, timed ? Now() + kWarmUpNs : kNever, load, ledger,
               link);
  const uint64_t before = ledger.sent();
  ledger.StartLatency();
  CostMeter meter(servers);
  PublishUntil(timed ? UINT64_MAX : before + load.publications,
               timed ? meter.start() + load.time : kNever, load, ledger, link);
  meter.Stop();
  link.Rest(Now() + kGraceNs);
  if (own_counts) meter.CountOwn();
  boost::json::object result;
  result["publications"] = ledger.sent() - before;
  result["deliveries"] = (ledger.sent() - before) * load.subscribers;
  meter.AddTo(result);
  ledger.AddTo(result);
  return result;
}

}  // namespace channel::bench
