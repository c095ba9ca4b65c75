#include "channel_service/rpc/wire_field.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

namespace channel {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

std::optional<WireField> WireFieldAt(std::string_view message, size_t at) {
  const std::string_view left = message.substr(at);
  // Most fields: a tag and a length of one byte each.
  if (left.size() >= 2 && static_cast<uint8_t>(left[0] | left[1]) < 0x80 && left[0] >= 8 &&
      (left[0] & 7) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
    const size_t size = static_cast<uint8_t>(left[1]);
    if (size > left.size() - 2) return std::nullopt;
    return WireField{left[0] >> 3, left[0] & 7, left.substr(2, size), at + 2 + size};
  }
  CodedInputStream in(reinterpret_cast<const uint8_t*>(left.data()), static_cast<int>(left.size()));
  const uint32_t tag = in.ReadTag();
  WireField field{.number = WireFormatLite::GetTagFieldNumber(tag),
                  .wire_type = WireFormatLite::GetTagWireType(tag)};
  if (field.number == 0) return std::nullopt;
  if (!field.has_length()) {
    if (!WireFormatLite::SkipField(&in, tag)) return std::nullopt;
    field.end = at + static_cast<size_t>(in.CurrentPosition());
    return field;
  }
  uint32_t size = 0;
  if (!in.ReadVarint32(&size)) return std::nullopt;
  const auto begin = static_cast<size_t>(in.CurrentPosition());
  if (size > left.size() - begin) return std::nullopt;
  field.value = left.substr(begin, size);
  field.end = at + begin + size;
  return field;
}

}  // namespace channel
