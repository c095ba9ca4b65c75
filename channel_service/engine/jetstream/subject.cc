#include "channel_service/engine/jetstream/subject.h"

#include <cstdint>

namespace channel {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

}  // namespace

bool IsTokenCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

std::string ToToken(std::string_view group_id) {
  std::string token;
  token.reserve(group_id.size());
  for (const char c : group_id) {
    if (IsTokenCharacter(c)) {
      token.push_back(c);
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    token.push_back('=');
    token.push_back(kHex[byte >> 4]);
    token.push_back(kHex[byte & 15]);
  }
  return token;
}

std::optional<std::string> FromToken(std::string_view token) {
  std::string group_id;
  for (size_t i = 0; i < token.size(); ++i) {
    if (IsTokenCharacter(token[i])) {
      group_id.push_back(token[i]);
      continue;
    }
    if (token[i] != '=' || i + 2 >= token.size()) return std::nullopt;
    const size_t high = kHex.find(token[i + 1]);
    const size_t low = kHex.find(token[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    group_id.push_back(static_cast<char>(high * 16 + low));
    if (IsTokenCharacter(group_id.back())) return std::nullopt;  // would have stayed as it is
    i += 2;
  }
  if (group_id.empty()) return std::nullopt;
  return group_id;
}

}  // namespace channel
