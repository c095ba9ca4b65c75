// Metrics of the JetStream engine.
#pragma once

#include <prometheus/histogram.h>

#include "channel_service/base/metrics.h"

namespace channel {

struct JetStreamMetrics {
  explicit JetStreamMetrics(prometheus::Registry& registry)
      : pending(AddGauge(registry, "channel_engine_pending_publications",
                         "Publications that NATS has not acknowledged yet")),
        redeliveries(AddCounter(registry, "channel_engine_redeliveries_total",
                                "Publications sent to NATS again for want of an answer")),
        publish_seconds(
            prometheus::BuildHistogram()
                .Name("channel_engine_publish_seconds")
                .Help("From a publication to NATS's acknowledgement")
                .Register(registry)
                .Add({}, prometheus::Histogram::BucketBoundaries{0.0005, 0.001, 0.002, 0.005, 0.01,
                                                                 0.025, 0.1, 0.5, 2.5, 10})),
        received(AddCounter(registry, "channel_engine_received_total",
                            "Live publications that NATS brought for groups that are held")),
        foreign(AddCounter(registry, "channel_engine_foreign_total",
                           "Live publications that NATS brought for groups that are not held")),
        resubscriptions(AddCounter(registry, "channel_engine_resubscriptions_total",
                                   "Groups read anew because live publications were missing")),
        ready(AddGauge(registry, "channel_engine_ready",
                       "1: a publication was stored, brought back and read within 2 s")) {}

  prometheus::Gauge& pending;
  prometheus::Counter& redeliveries;
  prometheus::Histogram& publish_seconds;
  prometheus::Counter& received;
  prometheus::Counter& foreign;
  prometheus::Counter& resubscriptions;
  prometheus::Gauge& ready;
};

}  // namespace channel
