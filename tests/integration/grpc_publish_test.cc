// Publish and PublishStream over real gRPC against the real binary.

#include <gtest/gtest.h>

#include <utility>

#include "tests/integration/service_test.h"

namespace {

using channel::v1::PublishRequest;
using channel::v1::PublishResponse;
using channel::v1::PublishResult;
using channel::v1::PublishStreamRequest;
using grpc::StatusCode;

constexpr std::size_t kMessageBytesMax = 65'536;
constexpr std::size_t kGroupIdBytesMax = 255;
constexpr std::size_t kKeyBytesMax = 128;
constexpr std::size_t kPublisherBytesMax = 64;

PublishRequest Request(const std::string& group, const std::string& message,
                       std::uint64_t sequence = 0) {
  PublishRequest request;
  request.set_group_id(group);
  request.set_message(message);
  request.set_sequence(sequence);
  return request;
}

class GrpcPublish : public ServiceTest {
 protected:
  static void SetUpTestSuite() { StartService(); }

  static double Count(const std::string& outcome) {
    return deployment().service().Metric("channel_service_publications_total{outcome=\"" + outcome +
                                         "\"}");
  }
  StatusCode CodeOf(const PublishRequest& request) {
    const grpc::Status status = service().Publish(request).status;
    EXPECT_TRUE(status.ok() || !status.error_message().empty()) << "an error without a word";
    return status.error_code();
  }
};

TEST_F(GrpcPublish, PositionsRiseWithinOneEpochOverAllGroups) {
  std::string epoch;
  std::uint64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const auto answer = service().Publish("rise-" + std::to_string(i % 3), "x");
    ASSERT_TRUE(answer.ok()) << answer.status.error_message();
    const auto& position = answer.response.position();
    EXPECT_GT(position.offset(), last);
    EXPECT_FALSE(answer.response.duplicate());
    if (i == 0) epoch = position.epoch();
    EXPECT_EQ(position.epoch(), epoch);
    EXPECT_GE(position.epoch().size(), 1U);
    EXPECT_LE(position.epoch().size(), 32U);
    last = position.offset();
  }
}

TEST_F(GrpcPublish, AnEmptyMessageIsABodyAndNoBodyIsNone) {
  EXPECT_EQ(CodeOf(Request("body", "")), StatusCode::OK);
  PublishRequest bytes;
  bytes.set_group_id("body");
  bytes.set_data("");
  EXPECT_EQ(CodeOf(bytes), StatusCode::OK);
  PublishRequest none;
  none.set_group_id("body");
  EXPECT_EQ(CodeOf(none), StatusCode::INVALID_ARGUMENT);
}

TEST_F(GrpcPublish, AGroupIdHasBetween1And255Bytes) {
  EXPECT_EQ(CodeOf(Request("", "x")), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(CodeOf(Request("g", "x")), StatusCode::OK);
  EXPECT_EQ(CodeOf(Request(std::string(kGroupIdBytesMax, 'g'), "x")), StatusCode::OK);
  EXPECT_EQ(CodeOf(Request(std::string(kGroupIdBytesMax + 1, 'g'), "x")),
            StatusCode::INVALID_ARGUMENT);
}

TEST_F(GrpcPublish, ABodyPastTheLimitIsRefusedInWordsThatNameTheLimit) {
  EXPECT_EQ(CodeOf(Request("size", std::string(kMessageBytesMax, 'm'))), StatusCode::OK);
  const auto answer = service().Publish("size", std::string(kMessageBytesMax + 1, 'm'));
  EXPECT_EQ(answer.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(answer.status.error_message().find("65536"), std::string::npos)
      << answer.status.error_message();
  PublishRequest bytes;
  bytes.set_group_id("size");
  bytes.set_data(std::string(kMessageBytesMax + 1, '\x80'));
  EXPECT_EQ(CodeOf(bytes), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(CodeOf(Request("size", std::string(8U << 20, 'm'))), StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(GrpcPublish, AKeyMakesASecondPublicationADuplicateOfTheFirst) {
  const auto first = service().Publish("keys", "body", "key-1");
  const auto second = service().Publish("keys", "body", "key-1");
  const auto elsewhere = service().Publish("other keys", "body", "key-1");
  const auto other = service().Publish("keys", "body", "key-2");
  ASSERT_TRUE(first.ok() && second.ok() && elsewhere.ok() && other.ok());
  EXPECT_FALSE(first.response.duplicate());
  EXPECT_TRUE(second.response.duplicate());
  EXPECT_EQ(second.response.position().offset(), first.response.position().offset());
  EXPECT_EQ(second.response.position().epoch(), first.response.position().epoch());
  EXPECT_FALSE(elsewhere.response.duplicate()) << "keys belong to their group";
  EXPECT_FALSE(other.response.duplicate());
}

TEST_F(GrpcPublish, AKeyThatWasUsedWithAnotherBodyIsAConflict) {
  ASSERT_TRUE(service().Publish("conflict", "body", "key").ok());
  const auto answer = service().Publish("conflict", "another body", "key");
  EXPECT_EQ(answer.status.error_code(), StatusCode::ALREADY_EXISTS);
  EXPECT_FALSE(answer.status.error_message().empty());
}

TEST_F(GrpcPublish, AKeyHasAtMost128Bytes) {
  PublishRequest request = Request("key length", "x");
  request.set_key(std::string(kKeyBytesMax, 'k'));
  EXPECT_EQ(CodeOf(request), StatusCode::OK);
  request.set_key(std::string(kKeyBytesMax + 1, 'k'));
  EXPECT_EQ(CodeOf(request), StatusCode::INVALID_ARGUMENT);
}

TEST_F(GrpcPublish, EachOutcomeIsCounted) {
  const double accepted = Count("accepted");
  const double duplicate = Count("duplicate");
  const double refused = Count("refused");
  service().Publish("outcomes", "x", "key");
  service().Publish("outcomes", "x", "key");
  service().Publish("", "x");
  EXPECT_EQ(Count("accepted") - accepted, 1);
  EXPECT_EQ(Count("duplicate") - duplicate, 1);
  EXPECT_EQ(Count("refused") - refused, 1);
}

TEST_F(GrpcPublish, AStreamAnswersInOrderAndABadOneInTheMiddleDoesNotEndIt) {
  PublishStreamRequest first;
  *first.add_publications() = Request("stream", "one");
  *first.add_publications() = Request("", "no group");
  *first.add_publications() = Request("stream", "two");
  PublishStreamRequest second;
  second.add_publications()->set_group_id("stream");  // no body
  *second.add_publications() = Request("stream", std::string(kMessageBytesMax + 1, 'm'));
  *second.add_publications() = Request("stream", "three");

  const auto answer = service().PublishAll({first, second});
  ASSERT_TRUE(answer.ok()) << answer.status.error_message();
  const auto& results = answer.response.results();
  ASSERT_EQ(results.size(), 6);
  EXPECT_EQ(results[1].error().code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(results[1].error().message().empty());
  EXPECT_EQ(results[3].error().code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(results[4].error().code(), StatusCode::RESOURCE_EXHAUSTED);
  ASSERT_TRUE(results[0].has_published() && results[2].has_published() &&
              results[5].has_published());
  EXPECT_LT(results[0].published().position().offset(), results[2].published().position().offset());
  EXPECT_LT(results[2].published().position().offset(), results[5].published().position().offset());

  channel::v1::HistoryRequest history;
  history.set_group_id("stream");
  const auto held = service().History(history);
  ASSERT_EQ(held.response.publications_size(), 3);
  EXPECT_EQ(held.response.publications(0).message(), "one");
  EXPECT_EQ(held.response.publications(1).message(), "two");
  EXPECT_EQ(held.response.publications(2).message(), "three");
}

TEST_F(GrpcPublish, AStreamTakesManyRequestsAndAnswersEveryPublication) {
  constexpr int kRequests = 100;
  constexpr int kEach = 50;
  std::vector<PublishStreamRequest> requests(kRequests);
  for (PublishStreamRequest& request : requests) {
    for (int i = 0; i < kEach; ++i) *request.add_publications() = Request("many", "x");
  }
  const auto answer = service().PublishAll(requests);
  ASSERT_TRUE(answer.ok()) << answer.status.error_message();
  ASSERT_EQ(answer.response.results_size(), kRequests * kEach);
  std::uint64_t last = 0;
  for (const PublishResult& result : answer.response.results()) {
    ASSERT_GT(result.published().position().offset(), last);
    last = result.published().position().offset();
  }
}

TEST_F(GrpcPublish, ASequenceThatIsSentAgainIsADuplicateWithTheFirstPosition) {
  PublishStreamRequest request;
  request.set_publisher("publisher-1");
  for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
    *request.add_publications() = Request("sequences", std::to_string(sequence), sequence);
  }
  const auto first = service().PublishAll({request});
  ASSERT_TRUE(first.ok()) << first.status.error_message();
  ASSERT_EQ(first.response.results_size(), 5);

  // On a new connection, as after a cut: the last three again, and a new one.
  PublishStreamRequest again;
  again.set_publisher("publisher-1");
  for (std::uint64_t sequence = 3; sequence <= 6; ++sequence) {
    *again.add_publications() = Request("sequences", std::to_string(sequence), sequence);
  }
  SetUp();
  const auto second = service().PublishAll({again});
  ASSERT_TRUE(second.ok()) << second.status.error_message();
  ASSERT_EQ(second.response.results_size(), 4);
  for (int i = 0; i < 3; ++i) {
    const PublishResponse& repeated = second.response.results(i).published();
    EXPECT_TRUE(repeated.duplicate());
    EXPECT_EQ(repeated.position().offset(),
              first.response.results(i + 2).published().position().offset());
  }
  EXPECT_TRUE(second.response.results(3).has_published());
  EXPECT_FALSE(second.response.results(3).published().duplicate());

  // Another publisher counts for itself.
  again.set_publisher("publisher-2");
  const auto other = service().PublishAll({again});
  for (const PublishResult& result : other.response.results()) {
    EXPECT_TRUE(result.has_published());
    EXPECT_FALSE(result.published().duplicate());
  }
}

TEST_F(GrpcPublish, TextThatIsNotUtf8HarmsNoOtherPublicationOfTheStream) {
  PublishStreamRequest request;
  *request.add_publications() = Request("text", "one");
  *request.add_publications() = Request("text", "not UTF-8: \xff");
  *request.add_publications() = Request("text", "two");
  const auto answer = service().PublishAll({request, request});
  ASSERT_TRUE(answer.ok()) << answer.status.error_message();
  ASSERT_EQ(answer.response.results_size(), 6);
  for (int i = 0; i < 6; ++i) {
    const PublishResult& result = answer.response.results(i);
    EXPECT_EQ(result.has_published(), i % 3 != 1) << i;
    EXPECT_EQ(result.error().message(), i % 3 == 1 ? "message is not valid UTF-8" : "") << i;
  }
}

TEST_F(GrpcPublish, ARequestThatCannotBeParsedIsToldFromTheEndOfTheStream) {
  PublishStreamRequest good;
  *good.add_publications() = Request("parsed", "x");
  PublishStreamRequest bad;
  bad.set_publisher("not UTF-8: \xff");
  const auto answer = service().PublishAll({good, bad});
  EXPECT_EQ(answer.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answer.status.error_message(), "publisher is not valid UTF-8");
  EXPECT_EQ(answer.response.results_size(), 1) << "what came before is answered";
}

TEST_F(GrpcPublish, ARequestHasAtMostSoManyEntries) {
  constexpr int kEntriesMax = 65'536;
  PublishStreamRequest request;
  for (int i = 0; i <= kEntriesMax; ++i) request.add_publications();
  const auto answer = service().PublishAll({request});
  EXPECT_EQ(answer.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(answer.status.error_message().find("65536"), std::string::npos);
}

TEST_F(GrpcPublish, ASequenceThatIsNobodysIsRefused) {
  EXPECT_EQ(CodeOf(Request("nobody", "x", 1)), StatusCode::INVALID_ARGUMENT);
  PublishStreamRequest request;
  *request.add_publications() = Request("nobody", "x", 1);
  *request.add_publications() = Request("nobody", "y");
  const auto answer = service().PublishAll({request});
  ASSERT_TRUE(answer.ok()) << answer.status.error_message();
  ASSERT_EQ(answer.response.results_size(), 2);
  EXPECT_EQ(answer.response.results(0).error().code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(answer.response.results(1).has_published());
}

TEST_F(GrpcPublish, AStreamHasOnePublisherInItsFirstRequest) {
  PublishStreamRequest first;
  first.set_publisher("one publisher");
  *first.add_publications() = Request("publishers", "x", 1);
  PublishStreamRequest again = first;
  again.mutable_publications(0)->set_sequence(2);
  PublishStreamRequest another = again;
  another.set_publisher("another publisher");
  EXPECT_TRUE(service().PublishAll({first, again}).ok());
  const auto answer = service().PublishAll({first, another});
  EXPECT_EQ(answer.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answer.response.results_size(), 1) << "what came before is answered";
}

TEST_F(GrpcPublish, APublishersNameHasAtMost64Bytes) {
  PublishStreamRequest request;
  *request.add_publications() = Request("name", "x", 1);
  request.set_publisher(std::string(kPublisherBytesMax, 'p'));
  const auto good = service().PublishAll({request});
  EXPECT_TRUE(good.ok()) << good.status.error_message();
  request.set_publisher(std::string(kPublisherBytesMax + 1, 'p'));
  const auto bad = service().PublishAll({request});
  EXPECT_EQ(bad.status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(bad.status.error_message().empty());
}

}  // namespace
