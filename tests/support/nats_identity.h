// Identities for a nats-server that trusts an operator: what `nsc` makes, made by the test.
#pragma once

#include <string>

namespace support {

struct NatsIdentity {
  std::string config;  // lines of the server's configuration: operator, accounts with JetStream
  std::string creds;   // a credentials file of one user who may do everything
};

// With new keys each time.
NatsIdentity MakeNatsIdentity();

}  // namespace support
