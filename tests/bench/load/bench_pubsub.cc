// Loads nats-server or Redis as bench_hub_load loads the channel service: SUBSCRIBERS connections
// hold one group (subject, channel), one connection publishes PER_WRITE messages of BYTES bytes in
// each write; at most IN_FLIGHT of them are on their way at a time. Every subscriber checks every
// message. Prints one line of JSON with the CPU time that process PID used.
//
//   bench_pubsub nats|redis PORT PID SUBSCRIBERS PER_WRITE IN_FLIGHT BYTES MILLISECONDS
//
// One thread, epoll, the protocols by hand, no allocation per message.
#include <sys/epoll.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>

#include "tests/bench/load/clocks.h"
#include "tests/bench/load/hub_run.h"
#include "tests/bench/load/message.h"
#include "tests/bench/load/pubsub_connection.h"
#include "tests/bench/load/pubsub_protocol.h"
#include "tests/bench/load/sequence_check.h"

namespace channel::bench {
namespace {

constexpr int64_t kSilenceNs = 10'000'000'000;  // nothing for this long: the run failed

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "bench_pubsub: %s\n", why.c_str());
  std::exit(1);
}

// What comes outside of deliveries and answers: nats-server's pings. Returns the bytes of the line,
// 0 if it is not complete.
size_t TakeLine(PubsubConnection& connection, std::string_view data) {
  const size_t end = data.find("\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view line = data.substr(0, end);
  if (line == "PING") {
    connection.Send("PONG\r\n");
  } else if (!line.starts_with("INFO ")) {
    Die("unexpected: " + std::string(line));
  }
  return end + 2;
}

class Subscriber {
 public:
  Subscriber(uint16_t port, const Protocol& protocol, Faults& faults)
      : protocol_(protocol), faults_(faults), connection_(port, protocol.greeting) {
    connection_.Ask(protocol.subscribe);
  }

  int fd() const { return connection_.fd(); }
  uint64_t received() const { return received_; }

  void OnReadable() {
    if (!connection_.Receive(MSG_DONTWAIT)) return;
    const std::string_view all = connection_.unread();
    std::string_view data = all;
    const std::string& head = protocol_.delivery_head;
    const size_t whole = head.size() + protocol_.bytes + 2;
    while (!data.empty()) {
      const size_t known = std::min(head.size(), data.size());
      if (std::memcmp(data.data(), head.data(), known) == 0) {
        if (data.size() < whole) break;
        OnMessage(data.substr(head.size(), protocol_.bytes));
        data.remove_prefix(whole);
      } else {
        const size_t line = TakeLine(connection_, data);
        if (line == 0) break;
        data.remove_prefix(line);
      }
    }
    connection_.Take(all.size() - data.size());
  }

 private:
  void OnMessage(std::string_view message) {
    ++received_;
    if (const uint64_t sequence = ReadMessage(message)) {
      check_.OnMessage(sequence, faults_);
    } else {
      ++faults_.damaged;
    }
  }

  const Protocol& protocol_;
  Faults& faults_;
  PubsubConnection connection_;
  SequenceCheck check_;
  uint64_t received_ = 0;
};

class Publisher {
 public:
  Publisher(uint16_t port, const Protocol& protocol, uint32_t per_write)
      : protocol_(protocol), per_write_(per_write), connection_(port, protocol.greeting) {
    for (uint32_t i = 0; i < per_write; ++i) {
      batch_ += protocol.publish_head + std::string(protocol.bytes, ' ') + "\r\n";
    }
  }

  int fd() const { return connection_.fd(); }
  uint64_t sent() const { return sequence_; }

  // Publications up to this number may be sent.
  void Allow(uint64_t sequence) {
    allowed_ = sequence;
    Pump();
  }

  void Pump() {
    for (;;) {
      if (unsent_.empty()) {
        if (sequence_ + per_write_ > allowed_) return;
        Fill();
      }
      unsent_.remove_prefix(connection_.Send(unsent_));
      if (!unsent_.empty()) return;
    }
  }

  void OnReadable() {
    if (!connection_.Receive(MSG_DONTWAIT)) return;
    const std::string_view all = connection_.unread();
    std::string_view data = all;
    const std::string& answer = protocol_.publish_answer;
    while (!data.empty()) {
      if (!answer.empty() && data.starts_with(answer)) {
        data.remove_prefix(answer.size());
        continue;
      }
      if (!answer.empty() && answer.starts_with(data)) break;
      const size_t line = TakeLine(connection_, data);
      if (line == 0) break;
      data.remove_prefix(line);
    }
    connection_.Take(all.size() - data.size());
  }

 private:
  void Fill() {
    char* to = batch_.data();
    for (uint32_t i = 0; i < per_write_; ++i) {
      WriteMessage(++sequence_, protocol_.bytes, to + protocol_.publish_head.size());
      to += protocol_.publish_head.size() + protocol_.bytes + 2;
    }
    unsent_ = batch_;
  }

  const Protocol& protocol_;
  const uint32_t per_write_;
  PubsubConnection connection_;
  std::string batch_;  // made once; only the payloads change
  std::string_view unsent_;
  uint64_t sequence_ = 0;
  uint64_t allowed_ = 0;
};

class PubsubLoad {
 public:
  PubsubLoad(uint16_t port, const Protocol& protocol, uint32_t subscribers, uint32_t per_write,
             uint32_t in_flight)
      : in_flight_(in_flight), publisher_(port, protocol, per_write) {
    for (uint32_t i = 0; i < subscribers; ++i) subscribers_.emplace_back(port, protocol, faults_);
    for (Subscriber& subscriber : subscribers_) Watch(subscriber.fd(), EPOLLIN, &subscriber);
    Watch(publisher_.fd(), EPOLLIN | EPOLLOUT | EPOLLET, nullptr);
  }

  void Run(const CpuClocks& server, int64_t duration) {
    PublishUntil(Now() + kHubWarmUpNs);
    const uint64_t before = publisher_.sent();
    HubRun run(server);
    PublishUntil(run.start() + duration);
    run.Stop();
    while (Step(kHubGraceNs)) {
    }
    run.Print(publisher_.sent() - before, subscribers_.size(), faults_);
  }

 private:
  // Publishes until the time given, then waits until every subscriber has everything.
  void PublishUntil(int64_t end) {
    while (Now() < end) {
      publisher_.Allow(Slowest() + in_flight_);
      MustStep();
    }
    publisher_.Allow(0);
    while (Slowest() < publisher_.sent()) MustStep();
  }

  uint64_t Slowest() const {
    uint64_t slowest = ~uint64_t{0};
    for (const Subscriber& subscriber : subscribers_) {
      slowest = std::min(slowest, subscriber.received());
    }
    return slowest;
  }

  // Handles what is there; false if nothing came in time.
  bool Step(int64_t patience_ns) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_, events, 64, static_cast<int>(patience_ns / 1'000'000));
    for (int i = 0; i < count; ++i) {
      if (auto* subscriber = static_cast<Subscriber*>(events[i].data.ptr)) {
        subscriber->OnReadable();
      } else {
        publisher_.OnReadable();
        publisher_.Pump();
      }
    }
    return count > 0;
  }

  void MustStep() {
    if (Step(kSilenceNs)) return;
    Die("nothing came: " + std::to_string(publisher_.sent() - Slowest()) + " messages are lost");
  }

  void Watch(int fd, uint32_t what, Subscriber* subscriber) {
    epoll_event event{};
    event.events = what;
    event.data.ptr = subscriber;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
  }

  const uint32_t in_flight_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  Faults faults_;
  Publisher publisher_;
  std::deque<Subscriber> subscribers_;  // stable addresses
};

}  // namespace
}  // namespace channel::bench

int main(int argc, char** argv) {
  using namespace channel::bench;
  if (argc != 9) {
    std::fprintf(stderr,
                 "usage: bench_pubsub nats|redis PORT PID SUBSCRIBERS PER_WRITE IN_FLIGHT BYTES "
                 "MILLISECONDS\n");
    return 64;
  }
  const auto number = [&](int i) { return static_cast<uint32_t>(std::atoi(argv[i])); };
  CpuClocks server;
  if (!server.Add(std::atoi(argv[3]))) Die("no such process");
  const uint32_t bytes = number(7);
  if (number(4) == 0 || number(5) == 0 || number(6) < number(5) || bytes < kSequenceBytes ||
      bytes > kMessageBytesMax) {
    Die("bad size");
  }
  const bool nats = std::string_view(argv[1]) == "nats";
  const Protocol protocol =
      nats ? NatsProtocol(kHubGroup, bytes) : RedisProtocol(kHubGroup, bytes, number(4));
  PubsubLoad(static_cast<uint16_t>(number(2)), protocol, number(4), number(5), number(6))
      .Run(server, int64_t{1'000'000} * number(8));
}
