// The words of the four systems that bench_swarm speaks to. session.cc reads what a server says.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "tests/bench/load/websocket.h"

namespace channel::bench {

enum class Dialect : uint8_t {
  kChannel,   // the plain dialect of the edge: commands in JSON, bare messages back
  kSocketIo,  // engine.io 4, socket.io 5: events "join", "send" and "m"
  kNats,      // the NATS client protocol; binary frames are pieces of a byte stream
  kRaw,       // bare messages both ways, no groups (bench_raw)
};

struct Words {
  Dialect dialect;
  std::string_view name;
  std::string_view target;  // of the upgrade request
  uint8_t data_frame;
  std::string_view join[2];     // before and after the group
  std::string_view publish[3];  // before the group, between group and message, after the message
};

inline constexpr std::array<Words, 4> kDialects = {{
    {Dialect::kChannel,
     "channel",
     "/",
     kTextFrame,
     {R"({"cmd":"add_group","group_id":")", R"("})"},
     {R"({"cmd":"send_to_group","group_id":")", R"(","message":")", R"("})"}},
    {Dialect::kSocketIo,
     "socketio",
     "/socket.io/?EIO=4&transport=websocket",
     kTextFrame,
     {R"(42["join",")", R"("])"},
     {R"(42["send",")", R"(",")", R"("])"}},
    {Dialect::kNats, "nats", "/", kBinaryFrame, {"SUB ", " 1\r\n"}, {"PUB ", "\r\n", "\r\n"}},
    {Dialect::kRaw, "raw", "/", kTextFrame, {}, {}},
}};

inline void AppendJoin(const Words& words, std::string_view group, ClientFrame& frame) {
  frame.Append(words.join[0]);
  frame.Append(group);
  frame.Append(words.join[1]);
}

// Appends the words before a message of `bytes`.
inline void AppendPublishHead(const Words& words, std::string_view group, uint32_t bytes,
                              ClientFrame& frame) {
  if (words.dialect == Dialect::kRaw) return;
  frame.Append(words.publish[0]);
  frame.Append(group);
  if (words.dialect == Dialect::kNats) {
    char digits[12] = " ";
    const char* const end = std::to_chars(digits + 1, digits + sizeof digits, bytes).ptr;
    frame.Append({digits, static_cast<size_t>(end - digits)});
  }
  frame.Append(words.publish[1]);
}

}  // namespace channel::bench
