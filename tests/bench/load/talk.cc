#include "tests/bench/load/talk.h"

#include <algorithm>
#include <utility>

#include "tests/bench/load/clocks.h"

namespace channel::bench {
namespace {

constexpr uint64_t kChecksMax = 32 << 20;  // receivers × senders: 512 MiB

}  // namespace

Talk::Talk(Swarm& swarm, uint32_t groups)
    : Account(swarm), places_(swarm.sessions()), members_(groups) {
  const uint32_t ports = swarm.ports();
  if (groups == 0 || places_.size() < groups ||
      places_.size() * (places_.size() / groups + ports) > kChecksMax) {
    Die("too few sessions for so many groups, or too many in one");
  }
  for (uint32_t i = 0; i < groups; ++i) names_.push_back("g" + std::to_string(i));
  for (uint32_t i = 0; i < places_.size(); ++i) {
    places_[i].group = i / ports % groups;
    std::vector<uint32_t>& members = members_[places_[i].group];
    places_[i].rank = static_cast<uint32_t>(members.size());
    members.push_back(i);
  }
  uint64_t checks = 0;
  for (Place& place : places_) {
    place.checks = checks;
    checks += members_[place.group].size();
  }
  checks_.resize(checks);
  for (uint32_t i = 0; i < places_.size(); ++i) swarm.Join(i, names_[places_[i].group]);
  AwaitJoined([this] {
    for (uint32_t group = 0; group < members_.size(); ++group) {
      for (const uint32_t sender : Probers(group)) {
        swarm_.Publish(sender, names_[group], {.sender = sender, .stamp = probe_},
                       kMessageBytesMin);
      }
    }
  });
}

std::span<const uint32_t> Talk::Probers(uint32_t group) const {
  const std::vector<uint32_t>& members = members_[group];
  return {members.data(), std::min<size_t>(swarm_.ports(), members.size())};
}

std::vector<uint32_t> Talk::Senders(uint32_t count) const {
  std::vector<uint32_t> senders;
  for (uint32_t k = 0; k < count; ++k) {
    for (size_t group = 0; group < members_.size(); ++group) {
      const std::vector<uint32_t>& members = members_[group];
      if (count > members.size()) Die("more senders than members");
      senders.push_back(members[(group + k) % members.size()]);
    }
  }
  if (senders.empty()) Die("no senders");
  return senders;
}

void Talk::Publish(uint32_t session, uint32_t bytes, int64_t due) {
  if (!IsMessageSize(bytes)) Die("a message of a wrong size");
  bytes_ = bytes;
  Place& place = places_[session];
  expected_ += members_[place.group].size();
  swarm_.Publish(session, names_[place.group], {session, ++place.sent, static_cast<uint64_t>(due)},
                 bytes);
}

boost::json::object Talk::FinishTalk(CostMeter& meter) {
  boost::json::object result = Finish(meter);
  result["latency_p50_ns"] = latencies_.Percentile(0.5);
  result["latency_p99_ns"] = latencies_.Percentile(0.99);
  latencies_.Clear();
  return result;
}

boost::json::object Talk::Saturate(const CpuClocks& servers, uint32_t senders, uint32_t bytes,
                                   int64_t ns) {
  const std::vector<uint32_t> all = Senders(senders);
  CostMeter meter(servers);
  echo_bytes_ = bytes;
  for (const uint32_t sender : all) Publish(sender, bytes, Now());
  for (int64_t left = ns; left > 0 && swarm_.healthy(); left = meter.start() + ns - Now()) {
    swarm_.Poll(left);
  }
  echo_bytes_ = 0;
  return FinishTalk(meter);
}

boost::json::object Talk::SendAtRate(const CpuClocks& servers, double per_second, uint32_t senders,
                                     uint32_t bytes, int64_t ns) {
  if (per_second <= 0) Die("no rate");
  const std::vector<uint32_t> all = Senders(senders);
  CostMeter meter(servers);
  for (uint64_t i = 0; swarm_.healthy(); ++i) {
    const auto after = static_cast<int64_t>(static_cast<double>(i) * 1e9 / per_second);
    if (after >= ns) break;
    const int64_t due = meter.start() + after;
    for (int64_t left = 0; (left = due - Now()) > 0 && swarm_.healthy();) {
      swarm_.Poll(left);
    }
    Publish(all[i % all.size()], bytes, due);
  }
  return FinishTalk(meter);
}

boost::json::object Talk::MeasureLatency(uint32_t count, int64_t interval_ns, uint32_t bytes) {
  if (swarm_.sessions() != 2) Die("latency is measured with two sessions");
  const CpuClocks nobody;
  boost::json::array samples;
  samples.reserve(count);
  CostMeter meter(nobody);
  for (uint32_t i = 0; i < count && swarm_.healthy(); ++i) {
    const int64_t due = meter.start() + (i + 1) * interval_ns;
    for (int64_t left = 0; (left = due - Now()) > 0 && swarm_.healthy();) swarm_.Poll(left);
    Publish(i % 2, bytes, Now());
    if (!Drain()) break;
    samples.emplace_back(latency_to_other_);
  }
  boost::json::object result = FinishTalk(meter);
  result["samples_ns"] = std::move(samples);
  return result;
}

void Talk::OnMessage(uint32_t receiver, std::string_view text, int64_t now) {
  Message message;
  if (!ReadMessage(text, message) || message.sender >= places_.size() ||
      places_[message.sender].group != places_[receiver].group) [[unlikely]] {
    ++faults_.damaged;
    return;
  }
  Place& place = places_[receiver];
  if (message.sequence == 0) [[unlikely]] {
    return OnProbe(place.heard, message.stamp, Probers(place.group).size());
  }
  if (text.size() != bytes_) ++faults_.damaged;
  ++deliveries_;
  checks_[place.checks + places_[message.sender].rank].OnMessage(message.sequence, faults_);
  const int64_t latency = now - static_cast<int64_t>(message.stamp);
  latencies_.Add(latency);
  if (message.sender != receiver) {
    latency_to_other_ = latency;
  } else if (echo_bytes_ > 0) {
    Publish(receiver, echo_bytes_, Now());
  }
}

void Talk::CountMissing() {
  for (const Place& place : places_) {
    for (const uint32_t sender : members_[place.group]) {
      const uint64_t next = checks_[place.checks + places_[sender].rank].next();
      if (next <= places_[sender].sent) faults_.lost += places_[sender].sent + 1 - next;
    }
  }
}

}  // namespace channel::bench
