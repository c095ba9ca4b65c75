#include "channel_service/rpc/parse_request.h"

#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <spdlog/fmt/fmt.h>

#include <optional>
#include <string>

#include "channel_service/rpc/wire_field.h"

namespace channel {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// The path of the first text that is not UTF-8; empty if there is none. Our requests are two
// messages deep.
std::string FindBadText(std::string_view message, const Descriptor& type,
                        const std::string& prefix) {
  for (size_t at = 0; at < message.size();) {
    const std::optional<WireField> found = WireFieldAt(message, at);
    if (!found.has_value()) return {};
    at = found->end;
    const FieldDescriptor* const field = type.FindFieldByNumber(found->number);
    if (field == nullptr) continue;
    std::string name = prefix + std::string(field->name());
    if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      std::string inner = FindBadText(found->value, *field->message_type(), name + ".");
      if (!inner.empty()) return inner;
    } else if (field->type() == FieldDescriptor::TYPE_STRING && !IsUtf8(found->value)) {
      return name;
    }
  }
  return {};
}

std::string Flatten(const grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  if (!bytes.DumpToSingleSlice(&slice).ok()) return {};
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

}  // namespace

absl::Status ParseRequest(grpc::ByteBuffer* bytes, google::protobuf::Message* request) {
  grpc::ProtoBufferReader reader(bytes);
  if (reader.status().ok() && request->ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  const Descriptor& type = *request->GetDescriptor();
  absl::Status bad_text = BadTextError(Flatten(*bytes), type);
  return bad_text.ok() ? NotARequestError(type) : bad_text;
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
  const std::string field = FindBadText(message, type, prefix);
  return field.empty() ? absl::OkStatus() : NotUtf8Error(field);
}

}  // namespace channel
