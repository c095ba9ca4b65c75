// Metrics of publications.
#pragma once

#include "channel_service/base/metrics.h"
#include "channel_service/engine/engine.h"

namespace channel {

struct PublishMetrics {
  explicit PublishMetrics(prometheus::Registry& registry)
      : accepted(Publications(registry, "accepted")),
        duplicate(Publications(registry, "duplicate")),
        refused(Publications(registry, "refused")) {}

  static prometheus::Counter& Publications(prometheus::Registry& registry, const char* outcome) {
    return AddCounter(registry, "channel_service_publications_total",
                      "Publications by what became of them", {{"outcome", outcome}});
  }

  void Count(PublishCode code) {
    if (code == PublishCode::kAccepted) {
      accepted.Increment();
    } else if (code == PublishCode::kDuplicate) {
      duplicate.Increment();
    } else {
      refused.Increment();
    }
  }

  prometheus::Counter& accepted;
  prometheus::Counter& duplicate;
  prometheus::Counter& refused;
};

}  // namespace channel
