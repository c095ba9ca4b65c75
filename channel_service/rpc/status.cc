#include "channel_service/rpc/status.h"

#include <grpcpp/support/proto_buffer_reader.h>
#include <spdlog/fmt/fmt.h>

#include <array>
#include <boost/json.hpp>

#include "channel_service/base/strings.h"

namespace channel {

namespace {

bool IsJson(std::string_view text) {
  std::array<unsigned char, 2048> memory;
  boost::json::monotonic_resource resource(memory.data(), memory.size());
  boost::json::parse_options options;
  options.max_depth = kJsonDepthMax;
  boost::json::stream_parser parser(&resource, options);
  boost::system::error_code error;
  parser.write(text.data(), text.size(), error);
  if (!error) parser.finish(error);
  return !error;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  // The two enumerations are one list of canonical codes.
  return {static_cast<grpc::StatusCode>(status.code()), std::string(MessageOf(status))};
}

absl::Status ValidateGroupId(std::string_view group_id) {
  if (group_id.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("group_id is empty; allowed are 1 to {} bytes", kGroupIdBytesMax));
  }
  if (group_id.size() > kGroupIdBytesMax) {
    return absl::InvalidArgumentError(fmt::format("group_id has {} bytes; allowed are 1 to {}",
                                                  group_id.size(), kGroupIdBytesMax));
  }
  return absl::OkStatus();
}

absl::Status ValidatePublish(const v1::PublishRequest& request, const ServiceLimits& limits) {
  if (absl::Status status = ValidateGroupId(request.group_id()); !status.ok()) return status;
  if (request.body_case() == v1::PublishRequest::BODY_NOT_SET) {
    return absl::InvalidArgumentError("no body; set message (text) or data (bytes)");
  }
  if (request.key().size() > kKeyBytesMax) {
    return absl::InvalidArgumentError(fmt::format("key has {} bytes; at most {} are allowed",
                                                  request.key().size(), kKeyBytesMax));
  }
  const size_t size = request.has_message() ? request.message().size() : request.data().size();
  if (size > limits.message_bytes_max) {
    return absl::ResourceExhaustedError(fmt::format("the body has {} bytes; at most {} are allowed",
                                                    size, limits.message_bytes_max));
  }
  if (request.json() && !(request.has_message() && IsJson(request.message()))) {
    return absl::InvalidArgumentError(fmt::format(
        "json is set, but message is not valid JSON of at most {} levels", kJsonDepthMax));
  }
  return absl::OkStatus();
}

PublishInput ToPublishInput(const v1::PublishRequest& request, std::string_view publisher) {
  PublishInput input;
  input.group_id = request.group_id();
  input.kind = !request.has_message() ? BodyKind::kData
               : request.json()       ? BodyKind::kJson
                                      : BodyKind::kText;
  input.body = request.has_message() ? request.message() : request.data();
  input.key = request.key();
  input.publisher = publisher;
  input.sequence = publisher.empty() ? 0 : request.sequence();
  return input;
}

absl::Status ParseRequest(grpc::ByteBuffer* bytes, google::protobuf::Message* request) {
  grpc::ProtoBufferReader reader(bytes);
  if (reader.status().ok() && request->ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("the request is not a {} (a string that is not UTF-8, or other bytes)",
                  request->GetTypeName()));
}

std::optional<StreamPosition> ToPosition(const v1::StreamPosition& position) {
  if (position.epoch().empty()) return std::nullopt;
  return StreamPosition{position.epoch(), position.offset()};
}

absl::Status StatusOf(PublishCode code) {
  switch (code) {
    case PublishCode::kAccepted:
    case PublishCode::kDuplicate:
      return absl::OkStatus();
    case PublishCode::kKeyConflict:
      return absl::AlreadyExistsError("the key was used in this group with another body");
    case PublishCode::kOverloaded:
      return absl::ResourceExhaustedError(
          "too many idempotency keys are remembered at the moment; try again later");
    case PublishCode::kUnavailable:
      return absl::UnavailableError("the engine cannot be reached; try again");
  }
  return absl::InternalError("unknown publish code");
}

absl::Status TooManyStreamsError() {
  return absl::ResourceExhaustedError(
      fmt::format("{} streams are open; more are not allowed", kOpenStreamsMax));
}

absl::Status TooManyEntriesError() {
  return absl::InvalidArgumentError(
      fmt::format("one request may have at most {} entries", kEntriesPerRequestMax));
}

absl::Status DrainingError() { return absl::UnavailableError("draining: the service is stopping"); }

}  // namespace channel
