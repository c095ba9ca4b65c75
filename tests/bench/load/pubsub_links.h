// The systems that bench_pubsub publishes to. Only one thread uses a link.
#pragma once

#include <memory>

#include "tests/bench/load/pubsub_run.h"

namespace channel::bench {

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

}  // namespace channel::bench
