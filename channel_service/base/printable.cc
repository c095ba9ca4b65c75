#include "channel_service/base/printable.h"

#include <spdlog/fmt/fmt.h>

#include <cstdint>

namespace channel {
namespace {

// Returns how many bytes of `text` are one character that may be shown as it is; 0 if the first
// byte is a control character, or no UTF-8 (RFC 3629 section 4).
size_t VisibleCharacter(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (byte(0) < 0x80) return byte(0) >= ' ' && byte(0) != 0x7f ? 1 : 0;
  const size_t size = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < size) return 0;
  uint32_t character = byte(0) & (0xffU >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    character = character << 6 | (byte(i) & 0x3fU);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool encodes = character >= kSmallest[size] && character <= 0x10ffff &&
                       !(character >= 0xd800 && character <= 0xdfff);
  // Control characters of ISO 6429, line and paragraph separators, and those that turn the
  // direction of text.
  const bool commands = character < 0xa0 || (character >= 0x200e && character <= 0x200f) ||
                        (character >= 0x2028 && character <= 0x202e) ||
                        (character >= 0x2066 && character <= 0x2069);
  return encodes && !commands ? size : 0;
}

}  // namespace

std::string Printable(std::string_view text, size_t bytes_max) {
  const bool cut = text.size() > bytes_max;
  if (cut) text = text.substr(0, bytes_max);
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const size_t size = VisibleCharacter(text);
    if (size > 0) {
      shown.append(text.substr(0, size));
    } else if (text.front() == '\n') {
      shown.append("\\n");
    } else {
      shown.append(fmt::format("\\x{:02x}", static_cast<uint8_t>(text.front())));
    }
    text.remove_prefix(size > 0 ? size : 1);
  }
  if (cut) shown.append("...");
  return shown;
}

}  // namespace channel
