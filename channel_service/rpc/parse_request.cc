#include "channel_service/rpc/parse_request.h"

#include <google/protobuf/wire_format.h>
#include <spdlog/fmt/fmt.h>

#include <optional>
#include <string>

#include "channel_service/rpc/wire_field.h"

namespace channel {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormat;

// The path of the first text that is not UTF-8; empty if there is none. Our requests are two
// messages deep.
std::string FindBadText(std::string_view message, const Descriptor& type) {
  for (size_t at = 0; at < message.size();) {
    const std::optional<WireField> found = WireFieldAt(message, at);
    if (!found.has_value()) return {};
    at = found->end;
    const FieldDescriptor* const field = type.FindFieldByNumber(found->number);
    if (field == nullptr || !found->has_length()) continue;
    if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      const std::string inner = FindBadText(found->value, *field->message_type());
      if (!inner.empty()) return std::string(field->name()) + "." + inner;
    } else if (field->type() == FieldDescriptor::TYPE_STRING && !IsUtf8(found->value)) {
      return std::string(field->name());
    }
  }
  return {};
}

// Returns whether a message of this type has the field, written as it is here.
bool IsKnown(const WireField& found, const Descriptor& type) {
  const FieldDescriptor* const field = type.FindFieldByNumber(found.number);
  return field != nullptr && WireFormat::WireTypeForField(field) == found.wire_type;
}

// Sets `known` to the known fields. Returns false if the bytes are not a message.
bool CopyKnown(std::string_view bytes, const Descriptor& type, std::string* known) {
  for (size_t at = 0; at < bytes.size();) {
    const std::optional<WireField> field = WireFieldAt(bytes, at);
    if (!field.has_value()) return false;
    if (IsKnown(*field, type)) known->append(bytes.substr(at, field->end - at));
    at = field->end;
  }
  return true;
}

}  // namespace

absl::Status ParseRequest(grpc::ByteBuffer* bytes, google::protobuf::Message* request) {
  const Descriptor& type = *request->GetDescriptor();
  grpc::Slice slice;
  if (!bytes->DumpToSingleSlice(&slice).ok()) return NotARequestError(type);
  const std::string_view flat(reinterpret_cast<const char*>(slice.begin()), slice.size());
  if (ParseKnown(flat, request)) return absl::OkStatus();
  absl::Status bad_text = BadTextError(flat, type);
  return bad_text.ok() ? NotARequestError(type) : bad_text;
}

bool ParseLong(std::string_view bytes, google::protobuf::Message* message) {
  std::string known;
  return CopyKnown(bytes, *message->GetDescriptor(), &known) && message->ParseFromString(known);
}

absl::Status TooLongError(std::string_view what, size_t bytes, size_t bytes_max) {
  return absl::ResourceExhaustedError(
      fmt::format("{} has {} bytes; at most {} are allowed", what, bytes, bytes_max));
}

bool IsUtf8(std::string_view text) {
  return google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                             static_cast<int>(text.size()));
}

absl::Status NotUtf8Error(const std::string& field) {
  return absl::InvalidArgumentError(field + " is not valid UTF-8");
}

absl::Status NotARequestError(const Descriptor& type) {
  return absl::InvalidArgumentError(
      fmt::format("the request is not a {}", std::string(type.full_name())));
}

absl::Status BadTextError(std::string_view message, const Descriptor& type,
                          const std::string& prefix) {
  const std::string field = FindBadText(message, type);
  return field.empty() ? absl::OkStatus() : NotUtf8Error(prefix + field);
}

}  // namespace channel
