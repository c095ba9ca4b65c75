#include "channel_service/rpc/request_entries.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

#include "channel_service/limits.h"
#include "channel_service/rpc/parse_request.h"

namespace channel {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Our requests have no repeated field with a higher number.
constexpr int kEntryFieldMax = 2;

// One field of a message.
struct Field {
  int number = 0;  // 0 if it has no length, and so is no entry
  std::string_view value = {};
  size_t end = 0;  // where the next one begins
};

// The field that begins at `at`; nullopt if it is none.
std::optional<Field> FieldAt(std::string_view message, size_t at) {
  const std::string_view left = message.substr(at);
  // Most fields: a tag and a length of one byte each.
  if (left.size() >= 2 && static_cast<uint8_t>(left[0] | left[1]) < 0x80 && left[0] >= 8 &&
      (left[0] & 7) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
    const size_t size = static_cast<uint8_t>(left[1]);
    if (size > left.size() - 2) return std::nullopt;
    return Field{left[0] >> 3, left.substr(2, size), at + 2 + size};
  }
  CodedInputStream in(reinterpret_cast<const uint8_t*>(left.data()), static_cast<int>(left.size()));
  const uint32_t tag = in.ReadTag();
  if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
    if (tag == 0 || !WireFormatLite::SkipField(&in, tag)) return std::nullopt;
    return Field{.end = at + static_cast<size_t>(in.CurrentPosition())};
  }
  const int number = WireFormatLite::GetTagFieldNumber(tag);
  uint32_t size = 0;
  if (number == 0 || !in.ReadVarint32(&size)) return std::nullopt;
  const auto begin = static_cast<size_t>(in.CurrentPosition());
  if (size > left.size() - begin) return std::nullopt;
  return Field{number, left.substr(begin, size), at + begin + size};
}

}  // namespace

absl::Status RequestEntries::Open(const grpc::ByteBuffer& bytes, google::protobuf::Message* rest) {
  Close();
  const google::protobuf::Descriptor& type = *rest->GetDescriptor();
  std::array<bool, kEntryFieldMax + 1> is_entry{};
  for (int number = 1; number <= kEntryFieldMax; ++number) {
    const auto* const field = type.FindFieldByNumber(number);
    is_entry[static_cast<size_t>(number)] = field != nullptr && field->is_repeated();
  }
  grpc::Slice slice;
  if (!bytes.DumpToSingleSlice(&slice).ok()) return NotARequestError(type);
  bytes_.assign(reinterpret_cast<const char*>(slice.begin()), slice.size());

  std::array<int, kEntryFieldMax + 1> counts{};
  std::string others;
  absl::Status status;
  for (size_t at = 0; at < bytes_.size() && status.ok();) {
    const std::optional<Field> field = FieldAt(bytes_, at);
    if (!field.has_value()) {
      status = NotARequestError(type);
      break;
    }
    const auto number = static_cast<size_t>(field->number);
    if (number > kEntryFieldMax || !is_entry[number]) {
      others.append(bytes_, at, field->end - at);
    } else if (++count_; ++counts[number] > kEntriesPerRequestMax) {
      status = absl::InvalidArgumentError(
          fmt::format("one request may have at most {} entries", kEntriesPerRequestMax));
    }
    at = field->end;
  }
  if (status.ok() && !rest->ParseFromString(others)) {
    status = BadTextError(others, type);
    if (status.ok()) status = NotARequestError(type);
  }
  if (!status.ok()) Close();
  return status;
}

std::optional<std::string_view> RequestEntries::Next(int field) {
  if (field != field_) {
    field_ = field;
    at_ = 0;
    index_ = -1;
  }
  while (at_ < bytes_.size()) {
    const std::optional<Field> found = FieldAt(bytes_, at_);
    at_ = found->end;  // Open has seen all
    if (found->number != field) continue;
    ++index_;
    return found->value;
  }
  return std::nullopt;
}

void RequestEntries::Close() {
  if (bytes_.capacity() > kBlockBytesMax) {
    std::string().swap(bytes_);
  } else {
    bytes_.clear();
  }
  count_ = 0;
  at_ = 0;
  field_ = 0;
  index_ = -1;
}

}  // namespace channel
