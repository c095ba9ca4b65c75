// Encodes what an edge sends to its clients, each once, as a frame.
//
// Everything but EncodePlain and EncodePlainError is of the enveloped dialect (proto/websocket.md).
// `id` is JSON text as Command::id has it; where it is empty the member is left out. `epoch` needs
// no escapes (channel.proto).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "channel/v1/channel.pb.h"
#include "ws_edge/limits.h"
#include "ws_edge/net/frame.h"
#include "ws_edge/protocol/error_code.h"

namespace edge {

// Encodes a publication in the plain dialect: the bare message, a text frame or (for `data`) a
// binary one.
FramePtr EncodePlain(const channel::v1::Publication& publication);
// {"event":"error","code":"…","message":"…"}
FramePtr EncodePlainError(ErrorCode code, std::string_view message);

// Encodes the publication's `message` event.
FramePtr EncodeMessage(const channel::v1::Publication& publication, std::string_view epoch);

enum class GapReason : uint8_t { kRetention, kEpoch, kPosition };
struct GapEvent {
  std::string_view group_id;
  std::string_view epoch;
  uint64_t after;
  uint64_t before;
  GapReason reason;
};
FramePtr EncodeGap(const GapEvent& gap);

// The fields of a group in an `ok`.
struct GroupAnswer {
  std::string_view id;
  std::string_view group_id;
  std::string_view epoch;
  uint64_t offset;
};
FramePtr EncodeJoined(const GroupAnswer& answer, bool recovered);
FramePtr EncodeSent(const GroupAnswer& answer, bool duplicate);
FramePtr EncodeLeft(std::string_view id, std::string_view group_id);
// `messages` are payloads of EncodeMessage.
FramePtr EncodeHistory(const GroupAnswer& answer, bool recovered,
                       const std::vector<std::string_view>& messages, bool more);

FramePtr EncodePong(std::string_view id);
FramePtr EncodeError(std::string_view id, std::string_view group_id, ErrorCode code,
                     std::string_view message);
// `acknowledged_in`: empty = not known yet.
FramePtr EncodeWelcome(std::string_view connection_id, uint64_t session_id,
                       std::string_view server_name, std::string_view acknowledged_in,
                       const EdgeLimits& limits);
// `available`: this edge reaches the channel service.
FramePtr EncodeService(bool available);
FramePtr EncodeBye(uint16_t close_code, std::chrono::milliseconds reconnect_min,
                   std::chrono::milliseconds reconnect_max);

}  // namespace edge
