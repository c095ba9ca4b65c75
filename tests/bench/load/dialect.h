// The words of the four systems that bench_swarm speaks to. swarm_session.cc reads what
// a server says.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "tests/bench/load/websocket.h"

namespace channel::bench {

enum class Dialect : uint8_t {
  kChannel,   // the plain dialect of the edge: commands in JSON, bare messages back
  kSocketIo,  // engine.io 4, socket.io 5: events "join", "send" and "m"
  kNats,      // the NATS client protocol; binary frames are pieces of a byte stream
  kRaw,       // bare messages both ways (bench_raw_relay)
};

inline std::optional<Dialect> DialectNamed(std::string_view name) {
  if (name == "channel") return Dialect::kChannel;
  if (name == "socketio") return Dialect::kSocketIo;
  if (name == "nats") return Dialect::kNats;
  if (name == "raw") return Dialect::kRaw;
  return std::nullopt;
}

// Of the upgrade request.
inline std::string_view Target(Dialect dialect) {
  return dialect == Dialect::kSocketIo ? "/socket.io/?EIO=4&transport=websocket" : "/";
}

inline uint8_t DataFrame(Dialect dialect) {
  return dialect == Dialect::kNats ? kBinaryFrame : kTextFrame;
}

// Nothing for kRaw, which has no groups.
inline void AppendJoin(Dialect dialect, std::string_view group, ClientFrame& frame) {
  switch (dialect) {
    case Dialect::kChannel:
      frame.Append(R"({"cmd":"add_group","group_id":")");
      frame.Append(group);
      return frame.Append("\"}");
    case Dialect::kSocketIo:
      frame.Append(R"(42["join",")");
      frame.Append(group);
      return frame.Append("\"]");
    case Dialect::kNats:
      frame.Append("SUB ");
      frame.Append(group);
      return frame.Append(" 1\r\n");
    case Dialect::kRaw:
      return;
  }
}

// What comes before a message of `bytes`, and after it.
void AppendPublishHead(Dialect dialect, std::string_view group, uint32_t bytes, ClientFrame& frame);

inline void AppendPublishTail(Dialect dialect, ClientFrame& frame) {
  switch (dialect) {
    case Dialect::kChannel:
      return frame.Append("\"}");
    case Dialect::kSocketIo:
      return frame.Append("\"]");
    case Dialect::kNats:
      return frame.Append("\r\n");
    case Dialect::kRaw:
      return;
  }
}

}  // namespace channel::bench
