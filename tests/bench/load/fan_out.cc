#include "tests/bench/load/fan_out.h"

#include <unistd.h>

#include <algorithm>

namespace channel::bench {
namespace {

constexpr uint32_t kPollEach = 64;  // sessions that send, between reads
// The channel service takes at least so much; what it does not the edge would refuse at last.
constexpr size_t kSayBytesPerPause = 1 << 20;
constexpr useconds_t kSayPauseMicros = 20'000;

}  // namespace

void FanOut::Join(const GroupSet& set) {
  progress_.resize(swarm_.sessions(), Progress(sequence_ + 1));
  const uint32_t in_part = std::max<uint32_t>(set.groups / set.parts, 1);
  for (uint32_t session = 0; session < swarm_.sessions(); ++session) {
    for (uint32_t part = 0; part < set.parts; ++part) {
      std::string group = set.name;
      if (set.groups > 0) {
        group += std::to_string(part * in_part + (set.first + session) % in_part);
      }
      swarm_.Join(session, group);
    }
    if (session % kPollEach == 0) swarm_.Poll(0);
  }
  memberships_ = set.parts;
  if (probe_ == 0) probe_ = static_cast<uint32_t>(getpid()) << 12;  // clients share a publisher
  AwaitJoined([&] { Send({.messages = 0, .bytes = probe_, .way = set.way}); });
}

void FanOut::Say(uint32_t bytes, const std::string& group) {
  const std::string head = R"({"cmd":"send_to_group","group_id":")" + group + R"(","message":")";
  if (bytes < std::max<size_t>(head.size() + 2, 126) || bytes > UINT16_MAX) Die("bad length");
  ClientFrame maker;
  maker.Append(head);
  maker.Append(std::string(bytes - head.size() - 2, 'x'));
  maker.Append("\"}");
  const std::string_view all = maker.Finish(kTextFrame);
  for (const std::string_view part : {all.substr(0, all.size() / 2), all.substr(all.size() / 2)}) {
    size_t sent = 0;
    for (uint32_t session = 0; session < swarm_.sessions(); ++session) {
      swarm_.SendAll(session, part);
      sent += part.size();
      if (sent < kSayBytesPerPause) continue;
      sent = 0;
      // Nothing is read meanwhile: the answer to a ping would land inside a frame.
      usleep(kSayPauseMicros);
    }
  }
  if (!swarm_.healthy()) Die("could not send a message");
}

boost::json::object FanOut::Run(const CpuClocks& servers, const Order& order, int64_t ns) {
  CostMeter meter(servers);
  do {
    Expect(order);
    Send(order);
  } while (Drain() && Now() - meter.start() < ns);
  return Finish(meter);
}

boost::json::object FanOut::Settle() {
  const CpuClocks nobody;
  CostMeter meter(nobody);
  return Finish(meter);
}

void FanOut::Send(const Order& order) {
  if (write(orders_fd_, &order, sizeof order) != sizeof order) Die("the sender is gone");
}

void FanOut::Expect(const Order& order) {
  if (order.messages == 0 || !IsMessageSize(order.bytes)) Die("bad order");
  progress_.resize(swarm_.sessions(), Progress(sequence_ + 1));
  sequence_ += order.messages;
  expected_ += uint64_t{order.messages} * swarm_.sessions();
  bytes_ = order.bytes;
}

void FanOut::OnMessage(uint32_t session, std::string_view text, int64_t) {
  Message message;
  const bool whole = ReadMessage(text, message);
  Progress& progress = progress_[session];
  if (whole && message.sequence == 0) return OnProbe(progress.heard, message.stamp, memberships_);
  ++deliveries_;
  if (!whole || text.size() != bytes_) {
    ++faults_.damaged;
    return;
  }
  progress.check.OnMessage(message.sequence, faults_);
}

void FanOut::CountMissing() {
  for (const Progress& progress : progress_) faults_.lost += sequence_ + 1 - progress.check.next();
}

}  // namespace channel::bench
