#include "tests/bench/load/ledger.h"

#include <algorithm>

namespace channel::bench {

Ledger::Ledger(uint32_t sessions, uint32_t ports, uint32_t groups)
    : ports_(ports), places_(sessions), members_(groups) {
  for (uint32_t i = 0; i < sessions; ++i) {
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
}

uint32_t Ledger::smallest_group() const {
  return static_cast<uint32_t>(std::ranges::min(members_, {}, &std::vector<uint32_t>::size).size());
}

std::vector<uint32_t> Ledger::Senders(uint32_t count) const {
  std::vector<uint32_t> senders;
  for (uint32_t k = 0; k < count; ++k) {
    for (uint32_t i = 0; i < groups(); ++i) {
      const std::vector<uint32_t>& members = members_[i];
      if (k < members.size()) senders.push_back(members[(i + k) % members.size()]);
    }
  }
  return senders;
}

void Ledger::WriteNext(uint32_t sender, uint32_t bytes, int64_t due, char* to) {
  bytes_ = bytes;
  Place& place = places_[sender];
  ++publications_;
  expected_ += members_[place.group].size();
  WriteSwarmMessage({sender, ++place.sent, static_cast<uint64_t>(due)}, bytes, to);
}

void Ledger::StartProbe() {
  ++probe_;
  probed_ = 0;
  for (Place& place : places_) place.heard = 0;
}

void Ledger::WriteProbe(uint32_t sender, char* to) const {
  WriteSwarmMessage({sender, 0, probe_}, SwarmMessage::kHeaderBytes, to);
}

std::span<const uint32_t> Ledger::Probers(uint32_t in_group) const {
  const std::vector<uint32_t>& members = members_[in_group];
  return {members.data(), std::min<size_t>(ports_, members.size())};
}

void Ledger::OnProbe(uint32_t receiver, const SwarmMessage& message) {
  Place& place = places_[receiver];
  const uint32_t rank = places_[message.sender].rank;
  const size_t count = Probers(place.group).size();
  if (message.stamp != probe_ || rank >= count) return;
  const uint32_t all = (1u << count) - 1;
  if (place.heard == all) return;
  place.heard |= 1u << rank;
  if (place.heard == all) ++probed_;
}

void Ledger::CountMissing() {
  for (uint32_t receiver = 0; receiver < places_.size(); ++receiver) {
    const Place& place = places_[receiver];
    for (const uint32_t sender : members_[place.group]) {
      const uint64_t next = checks_[place.checks + places_[sender].rank].next();
      if (next <= places_[sender].sent) faults.lost += places_[sender].sent + 1 - next;
    }
  }
}

}  // namespace channel::bench
