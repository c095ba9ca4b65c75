// Every way in which a session ends: close code, label of the metric, text for the client.
#pragma once

#include <cstdint>

namespace edge {

struct CloseReason {
  uint16_t code;      // RFC 6455 section 7.4, or proto/websocket.md section 10
  const char* label;  // of channel_edge_sessions_closed_total
  const char* text;   // in the close frame, at most 123 bytes
};

// After 4000-4499 the client may reconnect, after 4500-4999 it must not.
inline constexpr CloseReason kClosedByClient{1000, "client", ""};
inline constexpr CloseReason kClosedByProtocolError{1002, "protocol_error", ""};
inline constexpr CloseReason kClosedForBinary{1003, "binary", "text frames only"};
inline constexpr CloseReason kClosedForMessageTime{1008, "message_timeout",
                                                   "message not complete in time"};
inline constexpr CloseReason kClosedForSize{1009, "too_large", ""};  // text: the limit
inline constexpr CloseReason kClosedForDrain{4001, "draining", "draining"};
inline constexpr CloseReason kClosedForUpstream{4002, "upstream_lost",
                                                "the channel service cannot be reached from here"};
inline constexpr CloseReason kClosedAsSlow{4008, "slow", "slow consumer"};
inline constexpr CloseReason kClosedForPong{4012, "no_pong", "no pong"};
inline constexpr CloseReason kClosedForRate{4013, "rate",
                                            "more commands or bytes than this edge takes"};
// The edge's log names the origin (RefusalLog).
inline constexpr CloseReason kClosedForOrigin{
    4507, "forbidden_origin",
    "pages of this origin may not connect: see --allowed_origins, and X-Forwarded-Host and -Proto"};
inline constexpr CloseReason kConnectionLost{1006, "lost", ""};

}  // namespace edge
