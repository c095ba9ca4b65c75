// The fields of a serialised message, one after the other: protobuf's wire format, without building
// the message.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace channel {

struct WireField {
  int number = 0;
  int wire_type = 0;            // WireFormatLite::WireType
  std::string_view value = {};  // into the message; empty if it has no length: a number, or a group
  size_t end = 0;               // where the next one begins

  bool has_length() const { return wire_type == 2; }
};

// The field that begins at `at`, which is less than the message's size; nullopt if it is none.
std::optional<WireField> WireFieldAt(std::string_view message, size_t at);

}  // namespace channel
