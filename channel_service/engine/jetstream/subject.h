// NATS subjects of the log's stream.
//
// The publications of a group are stored under STREAM.log.g.TOKEN; the server republishes each with
// its sequence under STREAM.live.g.TOKEN. A node's readiness probe uses STREAM.log.probe.NODE, and
// the stream begins with one message under STREAM.log.first.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace channel {

// Letters, digits, - and _: the characters that stand for themselves in a token.
bool IsTokenCharacter(char c);

// A group id as one token of a subject: a byte that is no token character becomes =XX.
std::string ToToken(std::string_view group_id);
// The reverse; nothing if no group id has this token.
std::optional<std::string> FromToken(std::string_view token);

inline std::string FirstSubject(std::string_view stream) {
  return std::string(stream) + ".log.first";
}
inline std::string LogSubject(std::string_view stream, std::string_view group_id) {
  return std::string(stream) + ".log.g." + ToToken(group_id);
}
// The beginning of live publications' subjects; the group's token follows.
inline std::string LivePrefix(std::string_view stream) { return std::string(stream) + ".live.g."; }
inline std::string LiveSubject(std::string_view stream, std::string_view group_id) {
  return LivePrefix(stream) + ToToken(group_id);
}

}  // namespace channel
