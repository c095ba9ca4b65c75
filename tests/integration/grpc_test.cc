// History, health and reflection over real gRPC against the real binary.

#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <csignal>
#include <utility>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/integration/service_test.h"
#include "tests/support/deployment.h"

namespace {

using channel::v1::HistoryRequest;
using channel::v1::HistoryResponse;
using grpc::StatusCode;

constexpr int kHistoryMax = 300;

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string FromBuffer(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return "";
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

void AwaitStep(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  const auto deadline = std::chrono::system_clock::now() + support::kPatience;
  if (queue.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) {
    throw support::TestFailure("no answer to a generic call");
  }
}

// Sends one serialised message to a method whose stub Debian does not ship, and gives the first
// answer.
support::Answer<std::string> CallRaw(support::ServiceClient& service, const std::string& method,
                                     const std::string& message) {
  grpc::GenericStub stub(service.grpc_channel());
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + support::kPatience);
  context.set_wait_for_ready(true);
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  AwaitStep(queue);
  call->Write(ToBuffer(message), nullptr);
  AwaitStep(queue);
  call->WritesDone(nullptr);
  AwaitStep(queue);
  grpc::ByteBuffer response;
  call->Read(&response, nullptr);
  AwaitStep(queue);
  support::Answer<std::string> answer;
  answer.response = FromBuffer(response);
  call->Finish(&answer.status, nullptr);
  AwaitStep(queue);
  return answer;
}

class Grpc : public ServiceTest {
 protected:
  static void SetUpTestSuite() { StartService(HistoryFlags(kHistoryMax)); }

  HistoryResponse MustRead(const HistoryRequest& request) {
    auto answer = service().History(request);
    EXPECT_TRUE(answer.ok()) << answer.status.error_message();
    return answer.response;
  }

  // 0 = the page is empty.
  static std::uint64_t FirstOffset(const HistoryResponse& page) {
    return page.publications().empty() ? 0 : page.publications(0).offset();
  }

  static HistoryRequest Of(const std::string& group, std::uint32_t limit = 0) {
    HistoryRequest request;
    request.set_group_id(group);
    request.set_limit(limit);
    return request;
  }
};

TEST_F(Grpc, HistoryGivesTheOldestFirstAndSaysWhetherThereIsMore) {
  const std::vector<std::uint64_t> offsets = PublishMany("pages", 5);
  HistoryRequest request = Of("pages", 2);
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
    request.mutable_since()->set_epoch(page.position().epoch());
    request.mutable_since()->set_offset(offsets[next - 1]);
  } while (page.more());
  EXPECT_EQ(next, offsets.size());
}

TEST_F(Grpc, HistoryWithoutALimitGives100) {
  PublishMany("hundred", 130);
  const HistoryResponse page = MustRead(Of("hundred"));
  EXPECT_EQ(page.publications_size(), 100);
  EXPECT_TRUE(page.more());
  EXPECT_EQ(MustRead(Of("hundred", 1'000'000)).publications_size(), 130);
}

TEST_F(Grpc, HistoryStopsAtOneMebibyte) {
  const std::string body(60'000, 'b');
  for (int i = 0; i < 17; ++i) service().MustPublish("bytes", body);
  const HistoryResponse page = MustRead(Of("bytes", 1'000));
  EXPECT_LE(page.ByteSizeLong(), (1U << 20) + 65'536U);
  EXPECT_GE(page.publications_size(), 1);
}

TEST_F(Grpc, HistoryOfTheLastFew) {
  const std::vector<std::uint64_t> offsets = PublishMany("last", 5);
  HistoryRequest request = Of("last");
  request.set_last(2);
  const HistoryResponse page = MustRead(request);
  ASSERT_EQ(page.publications_size(), 2);
  EXPECT_EQ(page.publications(0).offset(), offsets[3]);
  EXPECT_EQ(page.publications(1).offset(), offsets[4]);
  EXPECT_FALSE(page.more());
}

TEST_F(Grpc, HistoryOfAGroupWithoutPublicationsIsEmptyAndNamesTheHead) {
  const std::uint64_t newest = service().MustPublish("somewhere else", "x");
  const HistoryResponse page = MustRead(Of("never seen"));
  EXPECT_EQ(page.publications_size(), 0);
  EXPECT_FALSE(page.more());
  EXPECT_EQ(page.position().offset(), newest);
  EXPECT_FALSE(page.position().epoch().empty());
}

TEST_F(Grpc, HistoryAfterAPositionThatIsNoLongerHeldIsOutOfRange) {
  const std::vector<std::uint64_t> offsets = PublishMany("evicted", kHistoryMax + 5);
  HistoryRequest request = Of("evicted");
  const std::string epoch = MustRead(request).position().epoch();
  request.mutable_since()->set_epoch(epoch);
  request.mutable_since()->set_offset(offsets[1]);
  const auto answer = service().History(request);
  EXPECT_EQ(answer.status.error_code(), StatusCode::OUT_OF_RANGE);
  EXPECT_FALSE(answer.status.error_message().empty());
  // From the oldest that is held: no error, and nothing pretends to be complete.
  EXPECT_EQ(FirstOffset(MustRead(Of("evicted", 1))), offsets[5]);
  // After the newest one that is gone nothing is missing.
  request.mutable_since()->set_offset(offsets[4]);
  EXPECT_EQ(FirstOffset(MustRead(request)), offsets[5]);
}

TEST_F(Grpc, HistoryAfterAPositionOfAnotherEpochIsOutOfRange) {
  PublishMany("epoch", 1);
  HistoryRequest request = Of("epoch");
  request.mutable_since()->set_epoch("another");
  request.mutable_since()->set_offset(1);
  EXPECT_EQ(service().History(request).status.error_code(), StatusCode::OUT_OF_RANGE);
}

TEST_F(Grpc, HistoryAfterAPositionBeyondTheNewestNamesItAndTheNewest) {
  const std::vector<std::uint64_t> offsets = PublishMany("beyond", 1);
  HistoryRequest request = Of("beyond");
  const std::string epoch = MustRead(request).position().epoch();
  request.mutable_since()->set_epoch(epoch);
  request.mutable_since()->set_offset(1'000'000);
  const auto answer = service().History(request);
  EXPECT_EQ(answer.status.error_code(), StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(answer.status.error_message(),
            "since has offset 1000000, which epoch " + epoch + " has not reached: its newest is " +
                std::to_string(offsets[0]) + "; this log never gave that position");
}

TEST_F(Grpc, HistoryAfterAnEmptyPositionIsFromTheOldestHeld) {
  const std::vector<std::uint64_t> offsets = PublishMany("empty position", 2);
  HistoryRequest request = Of("empty position");
  request.mutable_since();
  EXPECT_EQ(FirstOffset(MustRead(request)), offsets[0]);
}

TEST_F(Grpc, HistoryOfABadGroupIdIsAnInvalidArgument) {
  EXPECT_EQ(service().History(Of("")).status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(service().History(Of(std::string(256, 'g'))).status.error_code(),
            StatusCode::INVALID_ARGUMENT);
}

// Each rpc and each of its text fields; unit tests have the words of all (parse_request_test.cc).
TEST_F(Grpc, TextThatIsNotUtf8IsAnInvalidArgumentThatNamesTheFieldAndIsNotLogged) {
  const std::string bad = "\xc3(";
  const auto expect_refused = [](const grpc::Status& status, const std::string& field) {
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(), field + " is not valid UTF-8");
  };
  expect_refused(service().Publish(bad, "x").status, "group_id");
  expect_refused(service().Publish("g", bad).status, "message");
  expect_refused(service().Publish("g", "x", bad).status, "key");
  expect_refused(service().History(Of(bad)).status, "group_id");
  HistoryRequest request = Of("g");
  request.mutable_since()->set_epoch(bad);
  expect_refused(service().History(request).status, "since.epoch");
  const auto subscriber = service().OpenSubscriber();
  subscriber->Subscribe(bad);
  expect_refused(subscriber->AwaitEnd(), "subscribe[0].group_id");
  const auto other = service().OpenSubscriber();
  other->Unsubscribe(bad);
  expect_refused(other->AwaitEnd(), "unsubscribe[0]");
  service().MustPublish("g", "after all of them");
  EXPECT_EQ(deployment().service().process->StderrText().find("rotobuf"), std::string::npos);
}

TEST_F(Grpc, AFieldOutOfItsRangeIsAnInvalidArgumentInHistoryAndSubscribe) {
  const auto expect_refused = [](const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(status.error_message(), "last is 1001; allowed are 0 to 1000");
  };
  HistoryRequest request = Of("range");
  request.set_last(1001);
  expect_refused(service().History(request).status);
  const auto subscriber = service().OpenSubscriber();
  subscriber->SubscribeLast("range", 1001);
  expect_refused(subscriber->AwaitEnd());
}

TEST_F(Grpc, HealthAnswersServing) {
  // HealthCheckRequest{service}, HealthCheckResponse{status: SERVING}.
  const std::string serving("\x08\x01", 2);
  const std::string of_service = std::string("\x0a\x19", 2) + "channel.v1.ChannelService";
  for (const std::string& request : {std::string(), of_service}) {
    const auto answer = CallRaw(service(), "/grpc.health.v1.Health/Check", request);
    ASSERT_TRUE(answer.ok()) << answer.status.error_message();
    EXPECT_EQ(answer.response, serving);
  }
}

TEST_F(Grpc, HealthOfAnUnknownServiceIsNotFound) {
  const auto answer =
      CallRaw(service(), "/grpc.health.v1.Health/Check", std::string("\x0a\x04nope", 6));
  EXPECT_EQ(answer.status.error_code(), StatusCode::NOT_FOUND);
}

TEST(GrpcHealth, WatchTellsThatTheServiceStops) {
  support::DeploymentOptions options;
  options.edges = 0;
  support::Deployment deployment(options);
  support::ServiceClient client(deployment.service_port());
  const auto stub = grpc::health::v1::Health::NewStub(client.grpc_channel());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + support::kPatience);
  const auto watch = stub->Watch(&context, {});
  grpc::ClientContext unknown_context;
  unknown_context.set_deadline(std::chrono::system_clock::now() + support::kPatience);
  grpc::health::v1::HealthCheckRequest unknown;
  unknown.set_service("nope");
  const auto unknown_watch = stub->Watch(&unknown_context, unknown);

  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  ASSERT_TRUE(unknown_watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVICE_UNKNOWN);

  deployment.service().process->Signal(SIGTERM);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_FALSE(unknown_watch->Read(&response));
  EXPECT_EQ(unknown_watch->Finish().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(deployment.service().process->WaitForExit(), 0);
}

TEST_F(Grpc, ReflectionListsTheService) {
  // ServerReflectionRequest{list_services: ""}; names come as text in the answer.
  const auto answer =
      CallRaw(service(), "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
              std::string("\x3a\x00", 2));
  EXPECT_NE(answer.response.find("channel.v1.ChannelService"), std::string::npos);
  EXPECT_NE(answer.response.find("grpc.health.v1.Health"), std::string::npos);
}

TEST_F(Grpc, AMethodThatDoesNotExistIsUnimplemented) {
  const auto answer = CallRaw(service(), "/channel.v1.ChannelService/Nope", "");
  EXPECT_EQ(answer.status.error_code(), StatusCode::UNIMPLEMENTED);
}

TEST_F(Grpc, ARequestThatIsNotOneHarmsNobody) {
  const auto answer = CallRaw(service(), "/channel.v1.ChannelService/Publish", "\xff\xff\xff");
  EXPECT_FALSE(answer.ok());
  const auto stream = CallRaw(service(), "/channel.v1.ChannelService/Subscribe", "\xff\xff\xff");
  EXPECT_FALSE(stream.ok());
  service().MustPublish("after garbage", "x");
}

}  // namespace
