// Parses requests: bytes that are to become messages of the contract.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace channel {

// INVALID_ARGUMENT if the bytes are not a message of the type of `request`. It names the first
// field that should be text and is not UTF-8, if that is the reason: "since.epoch".
absl::Status ParseRequest(grpc::ByteBuffer* bytes, google::protobuf::Message* request);

// Parses the fields that the type of `message` has. Those that it has not are left out of a long
// one: as an object each would take fifty times its bytes. Returns false if that is no such
// message.
bool ParseLong(std::string_view bytes, google::protobuf::Message* message);
inline bool ParseKnown(std::string_view bytes, google::protobuf::Message* message) {
  constexpr size_t kShortBytesMax = 1024;  // 500 unknown fields
  if (bytes.size() > kShortBytesMax) return ParseLong(bytes, message);
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// RESOURCE_EXHAUSTED: `what` ("the request") is longer than it may be.
absl::Status TooLongError(std::string_view what, size_t bytes, size_t bytes_max);

// Uses the parser's own rule.
bool IsUtf8(std::string_view text);
// INVALID_ARGUMENT names the field.
absl::Status NotUtf8Error(const std::string& field);

// INVALID_ARGUMENT: the bytes are not a message of this type.
absl::Status NotARequestError(const google::protobuf::Descriptor& type);

// Why `message`, which has a type of the contract, cannot be parsed: INVALID_ARGUMENT names the
// first field that should be text and is not UTF-8, after `prefix` ("subscribe[3]."). OK if there
// is none.
absl::Status BadTextError(std::string_view message, const google::protobuf::Descriptor& type,
                          const std::string& prefix = "");

}  // namespace channel
