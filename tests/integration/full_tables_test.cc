// The real service with small bounds, all of which are full: who goes on, and what is told.
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/shared_deployment.h"
#include "tests/support/deadline.h"

namespace {

using channel::v1::PublishStreamRequest;

class FullTables : public SharedDeployment {
 protected:
  static void SetUpTestSuite() {
    DeployService({"--dedup_bytes_max=65536", "--history_bytes_max=1048576",
                   "--history_total_bytes_max=2097152", "--new_epoch_grace=0s"});
  }
};

TEST_F(FullTables, AFloodLeavesSmallGroupsTheirHistoryAndALastIsToldWhatIsGone) {
  const std::string large(60'000, 'x');
  for (int i = 0; i < 10; ++i) service().MustPublish("quiet", "a short message");
  for (int i = 0; i < 100; ++i) {
    service().MustPublish("flooded" + std::to_string(i % 20), large);
  }
  EXPECT_LE(deployment().service().Metric("channel_service_history_bytes"), 2'097'152);
  const auto subscriber = service().OpenSubscriber();
  subscriber->SubscribeLast("quiet", 50);
  const auto quiet = subscriber->NextSubscribed();
  EXPECT_TRUE(quiet.recovered());
  EXPECT_EQ(quiet.missed(), 10u);
  for (int i = 0; i < 10; ++i) subscriber->NextPublication();
  subscriber->SubscribeLast("flooded0", 5);
  const auto flooded = subscriber->NextSubscribed();
  EXPECT_FALSE(flooded.recovered());
  EXPECT_LT(flooded.missed(), 5u);
  const auto gap = subscriber->Next().gap();
  EXPECT_EQ(gap.after(), 0u);
  EXPECT_GT(gap.before(), 1u);
  EXPECT_EQ(gap.reason(), channel::v1::GAP_REASON_RETENTION);
}

TEST_F(FullTables, KeysThatAreTooManyPushOutTheOldestAndStopNobody) {
  const auto window = [] {
    return deployment().service().Metric("channel_service_dedup_window_seconds");
  };
  EXPECT_EQ(window(), 120);
  ASSERT_TRUE(service().Publish("quiet", "body", "old").ok());
  PublishStreamRequest flood;
  for (int i = 0; i < 2000; ++i) {
    auto* const publication = flood.add_publications();
    publication->set_group_id("flooded");
    publication->set_message("body");
    publication->set_key(std::to_string(i));
  }
  const auto answer = service().PublishAll({flood});
  ASSERT_TRUE(answer.ok()) << answer.status.error_message();
  ASSERT_EQ(answer.response.results_size(), 2000);
  for (const auto& result : answer.response.results()) {
    EXPECT_TRUE(result.has_published()) << result.error().message();
  }
  const auto newest = service().Publish("flooded", "body", "1999");
  EXPECT_TRUE(newest.ok() && newest.response.duplicate());
  const auto oldest = service().Publish("quiet", "body", "old");
  EXPECT_TRUE(oldest.ok() && !oldest.response.duplicate());
  support::Await("the window that really holds is told", [&] { return window() < 120; });
  EXPECT_EQ(deployment().service().Readiness(), 200);
}

}  // namespace
