// The reflection service over real gRPC against the real binary. grpcurl.bats asks it as people do.

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "grpc/reflection/v1/reflection.pb.h"
#include "tests/integration/raw_call.h"
#include "tests/integration/shared_deployment.h"

namespace {

using grpc::StatusCode;

class Reflection : public SharedDeployment {
 protected:
  static void SetUpTestSuite() { DeployService({}); }

  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;

  Response Ask(const Request& request, const std::string& version = "v1") {
    const auto answer =
        CallRaw(service(), "/grpc.reflection." + version + ".ServerReflection/ServerReflectionInfo",
                request.SerializeAsString());
    Response response;
    EXPECT_TRUE(response.ParseFromString(answer.response));
    EXPECT_EQ(response.original_request().SerializeAsString(), request.SerializeAsString());
    return response;
  }
  // The names of the files in an answer.
  static std::vector<std::string> Files(const Response& response) {
    std::vector<std::string> names;
    for (const auto& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      names.push_back(file.name());
    }
    return names;
  }
};

TEST_F(Reflection, ListsTheServicesUnderBothOfItsNames) {
  Request request;
  request.set_list_services("");
  for (const std::string version : {"v1", "v1alpha"}) {
    std::vector<std::string> names;
    const Response response = Ask(request, version);
    for (const auto& service : response.list_services_response().service()) {
      names.push_back(service.name());
    }
    EXPECT_EQ(names, (std::vector<std::string>{"channel.v1.ChannelService", "grpc.health.v1.Health",
                                               "grpc.reflection.v1.ServerReflection",
                                               "grpc.reflection.v1alpha.ServerReflection"}));
  }
}

TEST_F(Reflection, GivesAFileAfterAllThatItImports) {
  Request request;
  request.set_file_containing_symbol("channel.v1.ChannelService.Publish");
  EXPECT_EQ(Files(Ask(request)), std::vector<std::string>{"channel/v1/channel.proto"});
  request.set_file_by_filename("grpc/reflection/v1alpha/reflection.proto");
  EXPECT_EQ(Files(Ask(request)),
            (std::vector<std::string>{"grpc/reflection/v1/reflection.proto",
                                      "grpc/reflection/v1alpha/reflection.proto"}));
}

TEST_F(Reflection, ALongRequestIsRefusedUnread) {
  Request request;
  request.set_file_containing_symbol(std::string(2000, '.'));
  const auto answer =
      CallRaw(service(), "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
              request.SerializeAsString());
  EXPECT_EQ(answer.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(answer.status.error_message(), "the request has 2003 bytes; at most 1024 are allowed");
}

TEST_F(Reflection, SaysWhatItDoesNotKnow) {
  Request request;
  request.set_file_containing_symbol("channel.v1.Nothing");
  EXPECT_EQ(Ask(request).error_response().error_message(),
            "no such thing here: channel.v1.Nothing");
  request.set_file_by_filename("nothing.proto");
  EXPECT_EQ(Ask(request).error_response().error_code(), StatusCode::NOT_FOUND);
  request.mutable_file_containing_extension()->set_containing_type("channel.v1.PublishRequest");
  EXPECT_EQ(Ask(request).error_response().error_code(), StatusCode::NOT_FOUND);
  request.set_all_extension_numbers_of_type("channel.v1.Nothing");
  EXPECT_EQ(Ask(request).error_response().error_code(), StatusCode::NOT_FOUND);
  request.set_all_extension_numbers_of_type("channel.v1.PublishRequest");
  EXPECT_EQ(Ask(request).all_extension_numbers_response().base_type_name(),
            "channel.v1.PublishRequest");
  EXPECT_EQ(Ask(Request()).error_response().error_code(), StatusCode::INVALID_ARGUMENT);
}

}  // namespace
