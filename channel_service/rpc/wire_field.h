// The fields of a serialised message, one after the other: protobuf's wire format, without building
// the message.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace channel {

struct WireField {
  int number = 0;               // 0 if it has no length: a number, or a group
  std::string_view value = {};  // into the message
  size_t end = 0;               // where the next one begins
};

// The field that begins at `at`, which is less than the message's size; nullopt if it is none.
std::optional<WireField> WireFieldAt(std::string_view message, size_t at);

}  // namespace channel
