// The metrics of an edge.
#pragma once

#include <string>

#include "channel_service/base/metrics.h"

namespace edge {

struct EdgeMetrics {
  explicit EdgeMetrics(prometheus::Registry& metrics_registry)
      : registry(metrics_registry),
        sessions(channel::AddGauge(registry, "channel_edge_sessions", "Open WebSocket sessions")),
        groups(channel::AddGauge(registry, "channel_edge_groups", "Groups with a member here")),
        memberships(channel::AddGauge(registry, "channel_edge_memberships",
                                      "Sessions in groups, summed over the groups")),
        sessions_opened(channel::AddCounter(registry, "channel_edge_sessions_opened_total",
                                            "WebSocket sessions opened")),
        messages_received(channel::AddCounter(registry, "channel_edge_messages_received_total",
                                              "WebSocket messages received from clients")),
        deliveries(channel::AddCounter(registry, "channel_edge_deliveries_total",
                                       "Messages queued for clients")),
        records_received(channel::AddCounter(registry, "channel_edge_records_received_total",
                                             "Publications received from the channel service")),
        gaps(channel::AddCounter(registry, "channel_edge_gaps_total",
                                 "Times that all members of a group missed something")),
        gaps_announced(channel::AddCounter(registry, "channel_edge_gaps_announced_total",
                                           "Gap events sent to sessions")),
        unannounced_positions(channel::AddCounter(
            registry, "channel_edge_unannounced_positions_total",
            "Holes in what a session was given that were not announced to it; must be 0")),
        publications_accepted(Publications("accepted")),
        publications_refused(Publications("refused")),
        publications_unanswered(
            channel::AddGauge(registry, "channel_edge_publications_unanswered",
                              "Publications given to the link and not answered yet")),
        upstream_up(channel::AddGauge(registry, "channel_edge_upstream_up",
                                      "1 if the link to the channel service is up")),
        upstream_connects(channel::AddCounter(registry, "channel_edge_upstream_connects_total",
                                              "Links to the channel service that came up")) {}

  prometheus::Counter& SessionsClosed(const std::string& reason) {
    return channel::AddCounter(registry, "channel_edge_sessions_closed_total",
                               "WebSocket sessions closed", {{"reason", reason}});
  }
  prometheus::Counter& Errors(const std::string& code) {
    return channel::AddCounter(registry, "channel_edge_errors_total", "Error frames sent",
                               {{"code", code}});
  }
  prometheus::Counter& Refused(const std::string& status) {
    return channel::AddCounter(registry, "channel_edge_refused_total",
                               "HTTP requests refused before an upgrade", {{"status", status}});
  }
  prometheus::Counter& Publications(const std::string& outcome) {
    return channel::AddCounter(registry, "channel_edge_publications_total",
                               "Publications of clients by what became of them",
                               {{"outcome", outcome}});
  }

  prometheus::Registry& registry;
  prometheus::Gauge& sessions;
  prometheus::Gauge& groups;
  prometheus::Gauge& memberships;
  prometheus::Counter& sessions_opened;
  prometheus::Counter& messages_received;
  prometheus::Counter& deliveries;
  prometheus::Counter& records_received;
  prometheus::Counter& gaps;
  prometheus::Counter& gaps_announced;
  prometheus::Counter& unannounced_positions;
  prometheus::Counter& publications_accepted;
  prometheus::Counter& publications_refused;
  prometheus::Gauge& publications_unanswered;
  prometheus::Gauge& upstream_up;
  prometheus::Counter& upstream_connects;
};

}  // namespace edge
