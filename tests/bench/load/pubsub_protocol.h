// The words of publish/subscribe in nats-server's client protocol
// (https://docs.nats.io/reference/reference-protocols/nats-protocol) and in Redis's RESP2
// (https://redis.io/docs/latest/develop/reference/protocol-spec), for one group and messages of one
// length: all of them are constant but the payload, which "\r\n" follows.
#pragma once

#include <cstdint>
#include <string>

namespace channel::bench {

struct Exchange {
  std::string question;
  std::string answer;  // what comes back ends so
};

struct Protocol {
  uint32_t bytes = 0;  // of each message
  Exchange greeting;
  Exchange subscribe;
  std::string publish_head;
  std::string publish_answer;  // to each message; empty: none
  std::string delivery_head;
};

inline Protocol NatsProtocol(const std::string& group, uint32_t bytes) {
  const std::string size = std::to_string(bytes);
  return {
      .bytes = bytes,
      .greeting = {.question = "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"bench\","
                               "\"version\":\"1\",\"protocol\":1}\r\nPING\r\n",
                   .answer = "PONG\r\n"},
      .subscribe = {.question = "SUB " + group + " 1\r\nPING\r\n", .answer = "PONG\r\n"},
      .publish_head = "PUB " + group + " " + size + "\r\n",
      .publish_answer = "",
      .delivery_head = "MSG " + group + " 1 " + size + "\r\n",
  };
}

// Redis answers a PUBLISH with the number of receivers.
inline Protocol RedisProtocol(const std::string& group, uint32_t bytes, uint32_t subscribers) {
  const auto bulk = [](const std::string& text) {
    return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  };
  const std::string message = bulk(group) + "$" + std::to_string(bytes) + "\r\n";
  return {
      .bytes = bytes,
      .greeting = {.question = "PING\r\n", .answer = "+PONG\r\n"},
      .subscribe = {.question = "*2\r\n" + bulk("SUBSCRIBE") + bulk(group), .answer = ":1\r\n"},
      .publish_head = "*3\r\n" + bulk("PUBLISH") + message,
      .publish_answer = ":" + std::to_string(subscribers) + "\r\n",
      .delivery_head = "*3\r\n" + bulk("message") + message,
  };
}

}  // namespace channel::bench
