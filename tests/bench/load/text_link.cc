#include <poll.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/bench/load/pubsub_run.h"
#include "tests/bench/load/websocket.h"
#include "tests/support/tcp_connection.h"

namespace channel::bench {
namespace {

using Exchange = std::pair<std::string, std::string>;  // a question, and how its answer ends

// The words of publish/subscribe for one group and messages of one length: all of them are constant
// but the payload, which "\r\n" follows.
struct Protocol {
  Exchange greeting;
  Exchange subscribe;
  std::string publish_head;
  std::string publish_answer;  // to each message; empty: none
  std::string delivery_head;
};

// https://docs.nats.io/reference/reference-protocols/nats-protocol
Protocol NatsProtocol(const std::string& group, const std::string& bytes) {
  return {
      .greeting = {std::string(kNatsConnect), "PONG\r\n"},
      .subscribe = {"SUB " + group + " 1\r\nPING\r\n", "PONG\r\n"},
      .publish_head = "PUB " + group + " " + bytes + "\r\n",
      .publish_answer = "",
      .delivery_head = "MSG " + group + " 1 " + bytes + "\r\n",
  };
}

// RESP2, https://redis.io/docs/latest/develop/reference/protocol-spec. A PUBLISH is answered with
// the number of receivers.
Protocol RedisProtocol(const std::string& group, const std::string& bytes, uint32_t subscribers) {
  const auto bulk = [](const std::string& text) {
    return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  };
  const std::string message = bulk(group) + "$" + bytes + "\r\n";
  return {
      .greeting = {"PING\r\n", "+PONG\r\n"},
      .subscribe = {"*2\r\n" + bulk("SUBSCRIBE") + bulk(group), ":1\r\n"},
      .publish_head = "*3\r\n" + bulk("PUBLISH") + message,
      .publish_answer = ":" + std::to_string(subscribers) + "\r\n",
      .delivery_head = "*3\r\n" + bulk("message") + message,
  };
}

struct TextConnection {
  support::TcpConnection tcp;
  std::string unread;  // what came and is not taken yet

  void Ask(const Exchange& exchange) {
    tcp.Send(exchange.first);
    while (!unread.ends_with(exchange.second)) Receive();
    unread.clear();
  }

  void Receive() {
    if (!tcp.Receive(unread)) Die("the server closed a connection");
  }
};

// One connection publishes, the others subscribe.
class TextLink final : public PubsubLink {
 public:
  TextLink(const PubsubLoad& load, PubsubLedger& ledger, Protocol protocol)
      : load_(load), ledger_(ledger), protocol_(std::move(protocol)) {
    if (load.groups != 1) Die("one group is measured");
    const auto port =
        static_cast<uint16_t>(std::atoi(load.address.c_str() + load.address.find_last_of(':') + 1));
    for (uint32_t i = 0; i <= load.subscribers; ++i) {
      TextConnection connection{support::TcpConnection(port), {}};
      connection.Ask(protocol_.greeting);
      if (i > 0) connection.Ask(protocol_.subscribe);
      polled_.push_back({.fd = connection.tcp.descriptor(), .events = POLLIN, .revents = 0});
      connections_.push_back(std::move(connection));
    }
  }

  void Send(uint32_t count) override {
    batch_.clear();
    for (uint32_t i = 0; i < count; ++i) {
      batch_ += protocol_.publish_head;
      batch_.resize(batch_.size() + load_.bytes);
      ledger_.WriteNext(batch_.data() + batch_.size() - load_.bytes);
      batch_ += "\r\n";
      if (protocol_.publish_answer.empty()) ledger_.OnNextAcknowledged();
    }
    connections_.front().tcp.Send(batch_);
  }

  void Await(uint64_t done) override {
    while (ledger_.done() < done) {
      if (!Step(kSilenceNs)) Die("nothing came: messages are lost");
    }
  }

  void Rest(int64_t time) override {
    for (int64_t left = 0; (left = time - Now()) > 0;) Step(left);
  }

 private:
  // Handles what is there; returns false if nothing came in time.
  bool Step(int64_t patience_ns) {
    const timespec patience{patience_ns / kSecond, patience_ns % kSecond};
    if (ppoll(polled_.data(), polled_.size(), &patience, nullptr) <= 0) return false;
    for (uint32_t i = 0; i < polled_.size(); ++i) {
      if (polled_[i].revents != 0) OnReadable(i);
    }
    return true;
  }

  void OnReadable(uint32_t number) {
    TextConnection& connection = connections_[number];
    connection.Receive();
    const int64_t now = Now();
    std::string_view data = connection.unread;
    while (!data.empty()) {
      const size_t taken = TakeOne(number, data, now);
      if (taken == 0) break;
      data.remove_prefix(taken);
    }
    connection.unread.erase(0, connection.unread.size() - data.size());
  }

  // Takes a delivery, an answer or a line; returns its bytes, 0 if it is not complete.
  size_t TakeOne(uint32_t number, std::string_view data, int64_t now) {
    const std::string& head = number == 0 ? protocol_.publish_answer : protocol_.delivery_head;
    if (head.empty() || !data.starts_with(std::string_view(head).substr(0, data.size()))) {
      return TakeLine(connections_[number], data);
    }
    const size_t whole = number == 0 ? head.size() : head.size() + load_.bytes + 2;
    if (data.size() < whole) return 0;
    if (number > 0) {
      // The head, which has the group, has been compared.
      ledger_.OnDelivered(number - 1, group_, data.substr(head.size(), load_.bytes), now);
    } else {
      ledger_.OnNextAcknowledged();
    }
    return whole;
  }

  // Takes a line that is no delivery and no answer: nats-server's pings.
  static size_t TakeLine(TextConnection& connection, std::string_view data) {
    const size_t end = data.find("\r\n");
    if (end == std::string_view::npos) return 0;
    const std::string_view line = data.substr(0, end);
    if (line == "PING") {
      connection.tcp.Send("PONG\r\n");
    } else if (!line.starts_with("INFO ")) {
      Die("unexpected: " + std::string(line));
    }
    return end + 2;
  }

  const PubsubLoad load_;
  PubsubLedger& ledger_;
  const Protocol protocol_;
  const std::string group_ = load_.GroupNames().front();
  std::vector<TextConnection> connections_;  // the publisher's, then one for each subscriber
  std::vector<pollfd> polled_;               // the same
  std::string batch_;                        // of the last Send
};

}  // namespace

std::unique_ptr<PubsubLink> MakeNatsLink(const PubsubLoad& load, PubsubLedger& ledger) {
  return std::make_unique<TextLink>(
      load, ledger, NatsProtocol(load.GroupNames().front(), std::to_string(load.bytes)));
}

std::unique_ptr<PubsubLink> MakeRedisLink(const PubsubLoad& load, PubsubLedger& ledger) {
  return std::make_unique<TextLink>(
      load, ledger,
      RedisProtocol(load.GroupNames().front(), std::to_string(load.bytes), load.subscribers));
}

}  // namespace channel::bench
