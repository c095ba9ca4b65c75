// Metrics of the hub.
#pragma once

#include "channel_service/base/metrics.h"

namespace channel {

struct HubMetrics {
  explicit HubMetrics(prometheus::Registry& registry)
      : subscribers(AddGauge(registry, "channel_service_subscribers", "Open Subscribe streams")),
        subscriptions(AddGauge(registry, "channel_service_subscriptions",
                               "Groups subscribed to, summed over the streams")),
        deliveries(AddCounter(registry, "channel_service_deliveries_total",
                              "Publications appended to subscribers' queues")),
        catch_ups(AddCounter(registry, "channel_service_catch_ups_total",
                             "Subscriptions for which history was read")),
        gaps(AddCounter(registry, "channel_service_gaps_total", "Announced losses")),
        overflows(AddCounter(registry, "channel_service_subscriber_overflows_total",
                             "Streams ended because their client read too slowly")),
        writes(AddCounter(registry, "channel_service_writes_total",
                          "Batches written to subscribers")) {}

  prometheus::Gauge& subscribers;
  prometheus::Gauge& subscriptions;
  prometheus::Counter& deliveries;
  prometheus::Counter& catch_ups;
  prometheus::Counter& gaps;
  prometheus::Counter& overflows;
  prometheus::Counter& writes;
};

}  // namespace channel
