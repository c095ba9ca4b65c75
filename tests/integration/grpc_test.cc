// History, unary Publish and health over real gRPC against the real binary: how answers
// and errors look there. validate_test.cc tests which fields are accepted, tests/contract
// what the log does.

#include <gtest/gtest.h>

#include <csignal>
#include <utility>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/raw_call.h"
#include "tests/integration/shared_deployment.h"

namespace {

using channel::v1::HistoryRequest;
using channel::v1::HistoryResponse;
using grpc::StatusCode;
using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr int kHistoryMax = 300;

class Grpc : public SharedDeployment {
 protected:
  static void SetUpTestSuite() {
    DeployService(
        {"--history_publications_max=" + std::to_string(kHistoryMax), "--new_epoch_grace=0s"});
  }

  HistoryResponse MustRead(const HistoryRequest& request) {
    auto answer = service().History(request);
    EXPECT_TRUE(answer.ok()) << answer.status.error_message();
    return answer.response;
  }

  static HistoryRequest Of(const std::string& group, std::uint32_t limit = 0) {
    HistoryRequest request;
    request.set_group_id(group);
    request.set_limit(limit);
    return request;
  }
  static HistoryRequest Since(const std::string& group, const std::string& epoch,
                              std::uint64_t offset) {
    HistoryRequest request = Of(group);
    request.mutable_since()->set_epoch(epoch);
    request.mutable_since()->set_offset(offset);
    return request;
  }
};

TEST_F(Grpc, HistoryGivesTheOldestFirstAndSaysWhetherThereIsMore) {
  const std::vector<std::uint64_t> offsets = PublishMany("pages", 5);
  HistoryRequest request = Of("pages", 2);
  request.mutable_since();  // an empty position: from the oldest on
  std::size_t next = 0;
  HistoryResponse page;
  do {
    page = MustRead(request);
    ASSERT_GT(page.publications_size(), 0);
    EXPECT_LE(page.publications_size(), 2);
    for (const auto& publication : page.publications()) {
      ASSERT_LT(next, offsets.size());
      EXPECT_EQ(publication.offset(), offsets[next]);
      EXPECT_EQ(publication.message(), std::to_string(next));
      EXPECT_EQ(publication.previous_offset(), next == 0 ? 0 : offsets[next - 1]);
      ++next;
    }
    EXPECT_EQ(page.position().offset(), offsets.back());
    EXPECT_EQ(page.more(), next < offsets.size());
    request = Since("pages", page.position().epoch(), offsets[next - 1]);
    request.set_limit(2);
  } while (page.more());
  EXPECT_EQ(next, offsets.size());
  request = Of("pages");
  request.set_last(2);
  page = MustRead(request);
  ASSERT_EQ(page.publications_size(), 2);
  EXPECT_EQ(page.publications(0).offset(), offsets[3]);
  EXPECT_FALSE(page.more());
}

TEST_F(Grpc, HistoryGives100WithoutALimitAndStopsAtOneMebibyte) {
  PublishMany("hundred", 130);
  const HistoryResponse page = MustRead(Of("hundred"));
  EXPECT_EQ(page.publications_size(), 100);
  EXPECT_TRUE(page.more());
  EXPECT_EQ(MustRead(Of("hundred", 1'000'000)).publications_size(), 130);
  for (int i = 0; i < 17; ++i) service().MustPublish("bytes", std::string(60'000, 'b'));
  const HistoryResponse large = MustRead(Of("bytes", 1'000));
  EXPECT_LE(large.ByteSizeLong(), (1U << 20) + 65'536U);
  EXPECT_GE(large.publications_size(), 1);
}

TEST_F(Grpc, HistoryAfterAPositionThatCannotBeResumedIsOutOfRange) {
  const std::vector<std::uint64_t> offsets = PublishMany("range", kHistoryMax + 5);
  const std::string epoch = MustRead(Of("range")).position().epoch();
  const std::pair<HistoryRequest, std::string> rows[] = {
      {Since("range", epoch, offsets[1]), ""},  // no longer held
      {Since("range", "another", 1), ""},
      {Since("range", epoch, 1'000'000),
       "since has offset 1000000, which epoch " + epoch + " has not reached: its newest is " +
           std::to_string(offsets.back()) + "; this log never gave that position"},
  };
  for (const auto& [request, words] : rows) {
    const grpc::Status status = service().History(request).status;
    EXPECT_EQ(status.error_code(), StatusCode::OUT_OF_RANGE);
    EXPECT_NE(status.error_message(), "");
    if (!words.empty()) {
      EXPECT_EQ(status.error_message(), words);
    }
  }
  // After the newest one that is gone nothing is missing.
  EXPECT_EQ(MustRead(Since("range", epoch, offsets[4])).publications(0).offset(), offsets[5]);
}

TEST_F(Grpc, PublishTellsEachOutcomeAndCountsIt) {
  const auto count = [](const std::string& outcome) {
    return deployment().service().Metric("channel_service_publications_total{outcome=\"" + outcome +
                                         "\"}");
  };
  const double accepted = count("accepted");
  const double duplicate = count("duplicate");
  const double refused = count("refused");
  const auto first = service().Publish("keys", "body", "key");
  const auto second = service().Publish("keys", "body", "key");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_FALSE(first.response.duplicate());
  EXPECT_TRUE(second.response.duplicate());
  EXPECT_EQ(second.response.position().offset(), first.response.position().offset());
  EXPECT_EQ(second.response.position().epoch(), first.response.position().epoch());
  const grpc::Status conflict = service().Publish("keys", "another body", "key").status;
  EXPECT_EQ(conflict.error_code(), StatusCode::ALREADY_EXISTS);
  EXPECT_NE(conflict.error_message(), "");
  EXPECT_EQ(service().Publish("", "x").status.error_code(), StatusCode::INVALID_ARGUMENT);
  // Over the limit of a body, and over that of a message of gRPC.
  for (const std::size_t bytes : {std::size_t{65'537}, std::size_t{8U << 20}}) {
    EXPECT_EQ(service().Publish("size", std::string(bytes, 'm')).status.error_code(),
              StatusCode::RESOURCE_EXHAUSTED);
  }
  EXPECT_EQ(count("accepted") - accepted, 1);
  EXPECT_EQ(count("duplicate") - duplicate, 1);
  EXPECT_EQ(count("refused") - refused, 3) << "the largest one does not come in";
  EXPECT_EQ(deployment().service().Metric(
                "channel_service_connections_cut_total{reason=\"unexplained_bytes\"}"),
            0);
}

// Each rpc; unit tests have the words of all fields (parse_request_test.cc, validate_test.cc).
TEST_F(Grpc, AFieldThatIsRefusedIsNamedAndItsTextIsNotLogged) {
  const std::string bad = "\xc3(";
  const auto expect_refused = [](const grpc::Status& status, const std::string& words) {
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(), words);
  };
  expect_refused(service().Publish("g", bad).status, "message is not valid UTF-8");
  expect_refused(service().History(Of(bad)).status, "group_id is not valid UTF-8");
  HistoryRequest request = Of("range");
  request.set_last(1001);
  expect_refused(service().History(request).status, "last is 1001; allowed are 0 to 1000");
  const auto subscriber = service().OpenSubscriber();
  subscriber->SubscribeLast("range", 1001);
  expect_refused(subscriber->AwaitEnd(), "last is 1001; allowed are 0 to 1000");
  const auto other = service().OpenSubscriber();
  other->Unsubscribe(bad);
  expect_refused(other->AwaitEnd(), "unsubscribe[0] is not valid UTF-8");
  service().MustPublish("g", "after all of them");
  EXPECT_EQ(deployment().service().process->StderrText().find("rotobuf"), std::string::npos);
}

TEST_F(Grpc, ACompressedMessageIsUnimplementedAndNotUnpacked) {
  channel::v1::PublishRequest request;
  request.set_group_id("compressed");
  request.set_message(std::string(1000, 'a'));
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + support::kPatience);
    context.set_compression_algorithm(algorithm);
    channel::v1::PublishResponse response;
    const grpc::Status status = service().stub().Publish(&context, request, &response);
    EXPECT_EQ(status.error_code(), StatusCode::UNIMPLEMENTED) << status.error_message();
  }
  service().MustPublish("compressed", "the connection goes on");
}

TEST_F(Grpc, HealthAnswersServingAndDoesNotKnowOthers) {
  const auto stub = Health::NewStub(service().grpc_channel());
  for (const char* name : {"", "channel.v1.ChannelService", "nope"}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + support::kPatience);
    HealthCheckRequest request;
    request.set_service(name);
    HealthCheckResponse response;
    const grpc::Status status = stub->Check(&context, request, &response);
    if (request.service() == "nope") {
      EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
    } else {
      EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << name;
    }
  }
}

TEST(GrpcStop, StreamsEndWithUnavailableAndWatchTellsIt) {
  support::DeploymentOptions options;
  options.edges = 0;
  support::Deployment deployment(options);
  support::ServiceClient client(deployment.service_port());
  const auto stub = Health::NewStub(client.grpc_channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + support::kPatience);
  const auto watch = stub->Watch(&context, {});
  grpc::ClientContext unknown_context;
  unknown_context.set_deadline(std::chrono::system_clock::now() + support::kPatience);
  HealthCheckRequest unknown;
  unknown.set_service("nope");
  const auto unknown_watch = stub->Watch(&unknown_context, unknown);

  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  ASSERT_TRUE(unknown_watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);

  const auto subscriber = client.OpenSubscriber();
  subscriber->Subscribe("stop");
  subscriber->NextSubscribed();

  deployment.service().process->Signal(SIGTERM);
  EXPECT_EQ(subscriber->AwaitEnd().error_code(), StatusCode::UNAVAILABLE);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_FALSE(unknown_watch->Read(&response));
  EXPECT_EQ(unknown_watch->Finish().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(deployment.service().process->WaitForExit(), 0);
}

TEST_F(Grpc, WhatIsNoCallHarmsNobody) {
  const std::string garbage = "\xff\xff\xff";
  const auto call = [&](const std::string& method) {
    return CallRaw(service(), "/channel.v1.ChannelService/" + method, garbage).status.error_code();
  };
  EXPECT_EQ(call("Nope"), StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(call("Publish"), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(call("Subscribe"), StatusCode::INVALID_ARGUMENT);
  service().MustPublish("after garbage", "x");
}

}  // namespace
