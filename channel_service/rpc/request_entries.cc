#include "channel_service/rpc/request_entries.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>

#include "channel_service/limits.h"
#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/wire_field.h"

namespace channel {
namespace {

// Our requests have no repeated field with a higher number.
constexpr int kEntryFieldMax = 2;

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
    const std::optional<WireField> field = WireFieldAt(bytes_, at);
    if (!field.has_value()) {
      status = NotARequestError(type);
      break;
    }
    const auto number = static_cast<size_t>(field->number);
    if (number > kEntryFieldMax || !is_entry[number] || !field->has_length()) {
      others.append(bytes_, at, field->end - at);
    } else if (++count_; ++counts[number] > kEntriesPerRequestMax) {
      status = absl::InvalidArgumentError(
          fmt::format("one request may have at most {} entries of a kind", kEntriesPerRequestMax));
    }
    if (others.size() > kRequestBytesMax) {
      status = absl::ResourceExhaustedError(
          fmt::format("the request has more than {} bytes beside its entries", kRequestBytesMax));
    }
    at = field->end;
  }
  if (status.ok() && !ParseKnown(others, rest)) {
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
    const std::optional<WireField> found = WireFieldAt(bytes_, at_);
    at_ = found->end;  // Open has seen all
    if (found->number != field || !found->has_length()) continue;
    ++index_;
    return found->value;
  }
  return std::nullopt;
}

void RequestEntries::Close() {
  // What is held is counted while it is open: an idle stream keeps no more than a little.
  if (bytes_.capacity() > kRequestBytesMax) {
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
