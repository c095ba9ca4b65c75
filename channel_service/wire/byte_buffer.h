// Serialised bytes, in the form that gRPC carries.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <string>
#include <utility>

namespace channel {

// Hands the memory of `bytes` to gRPC without copying it.
inline grpc::ByteBuffer ToByteBuffer(std::string bytes) {
  auto* owned = new std::string(std::move(bytes));
  const grpc::Slice slice(
      owned->data(), owned->size(), [](void* user) { delete static_cast<std::string*>(user); },
      owned);
  return {&slice, 1};
}

}  // namespace channel
