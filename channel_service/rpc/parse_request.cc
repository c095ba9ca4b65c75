#include "channel_service/rpc/parse_request.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <spdlog/fmt/fmt.h>

#include <map>
#include <string>
#include <utility>

namespace channel {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Calls `visit(number, bytes)` for each field of a message that has a length. False if the bytes
// are no message, or as soon as `visit` returns false.
template <typename Visit>
bool VisitFields(std::string_view message, Visit visit) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(message.data()),
                      static_cast<int>(message.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    uint32_t size = 0;
    std::string value;
    if (!in.ReadVarint32(&size) || !in.ReadString(&value, static_cast<int>(size))) return false;
    if (!visit(WireFormatLite::GetTagFieldNumber(tag), value)) return false;
  }
  return in.ConsumedEntireMessage();
}

// The path of the first text that is not UTF-8; empty if there is none. Our requests are two
// messages deep.
std::string FindBadText(std::string_view message, const Descriptor& type,
                        const std::string& prefix) {
  std::map<int, int> counts;  // of repeated fields, by number
  std::string found;
  VisitFields(message, [&](int number, const std::string& value) {
    const FieldDescriptor* const field = type.FindFieldByNumber(number);
    if (field == nullptr) return true;
    std::string name = prefix + std::string(field->name());
    if (field->is_repeated()) name += fmt::format("[{}]", counts[number]++);
    if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      found = FindBadText(value, *field->message_type(), name + ".");
    } else if (field->type() == FieldDescriptor::TYPE_STRING && !IsUtf8(value)) {
      found = std::move(name);
    }
    return found.empty();
  });
  return found;
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
