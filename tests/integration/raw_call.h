// A call of any method with any bytes.
#pragma once

#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/service_client.h"

// Sends these bytes to a method, and gives the bytes of its first answer.
inline support::Answer<std::string> CallRaw(support::ServiceClient& service,
                                            const std::string& method, const std::string& message) {
  const auto deadline = std::chrono::system_clock::now() + support::kPatience;
  grpc::GenericStub stub(service.grpc_channel());
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(deadline);
  context.set_wait_for_ready(true);
  const grpc::Slice slice(message);
  const auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&slice, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  support::Answer<std::string> answer;
  call->Finish(&response, &answer.status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  if (queue.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) {
    throw support::TestFailure("no answer to a generic call");
  }
  std::vector<grpc::Slice> slices;
  (void)response.Dump(&slices);
  for (const grpc::Slice& part : slices) {
    answer.response.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  return answer;
}
