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
bool VisitFields(const std::string& message, Visit visit) {
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

// Uses the parser's own rule.
bool IsUtf8(const std::string& text) {
  return google::protobuf::internal::IsStructurallyValidUTF8(text.data(),
                                                             static_cast<int>(text.size()));
}

// The path of the first text that is not UTF-8; empty if there is none. Our requests are two
// messages deep.
std::string FindBadText(const std::string& message, const Descriptor& type,
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

absl::Status BadText(const std::string& field) {
  return absl::InvalidArgumentError(field + " is not valid UTF-8");
}

absl::Status NotA(const Descriptor& type) {
  return absl::InvalidArgumentError(
      fmt::format("the request is not a {}", std::string(type.full_name())));
}

bool Parse(grpc::ByteBuffer* bytes, google::protobuf::Message* request) {
  grpc::ProtoBufferReader reader(bytes);
  return reader.status().ok() && request->ParseFromZeroCopyStream(&reader);
}

std::string Flatten(const grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  if (!bytes.DumpToSingleSlice(&slice).ok()) return {};
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

}  // namespace

absl::Status ParseRequest(grpc::ByteBuffer* bytes, google::protobuf::Message* request) {
  if (Parse(bytes, request)) return absl::OkStatus();
  const Descriptor& type = *request->GetDescriptor();
  const std::string field = FindBadText(Flatten(*bytes), type, "");
  return field.empty() ? NotA(type) : BadText(field);
}

absl::Status ParsePublishStream(grpc::ByteBuffer* bytes, v1::PublishStreamRequest* request,
                                std::vector<UnparsedPublication>* unparsed) {
  using Request = v1::PublishStreamRequest;
  unparsed->clear();
  if (Parse(bytes, request)) return absl::OkStatus();
  request->Clear();
  absl::Status status;
  const bool whole = VisitFields(Flatten(*bytes), [&](int number, const std::string& value) {
    if (number == Request::kPublisherFieldNumber) {
      request->set_publisher(value);
      if (!IsUtf8(value)) status = BadText("publisher");
    } else if (number == Request::kPublicationsFieldNumber) {
      const int index = request->publications_size();
      if (request->add_publications()->ParseFromString(value)) return true;
      const Descriptor& type = *v1::PublishRequest::descriptor();
      const std::string field = FindBadText(value, type, "");
      // Bad text is one publication's own fault; other bytes show that the client speaks another
      // contract.
      if (field.empty()) {
        status = NotA(type);
      } else {
        unparsed->push_back({index, BadText(field)});
      }
    }
    return status.ok();
  });
  if (!status.ok()) return status;
  return whole ? absl::OkStatus() : NotA(*Request::descriptor());
}

}  // namespace channel
