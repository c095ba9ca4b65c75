// The dialect of a session, chosen by the subprotocol of its upgrade (proto/websocket.md, section
// 2).
#pragma once

#include <cstdint>
#include <string_view>

namespace edge {

enum class Dialect : uint8_t {
  kPlain,      // bare messages and no answers
  kEnveloped,  // channel.v1.json: everything said is a JSON object
};
inline constexpr std::string_view kEnvelopedSubprotocol = "channel.v1.json";

}  // namespace edge
