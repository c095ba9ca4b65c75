#include "channel_service/limits.h"

#include <gtest/gtest.h>

#include "channel_service/base/strings.h"

namespace channel {
namespace {

TEST(ServiceLimitsTest, DefaultsAreConsistent) { EXPECT_TRUE(ServiceLimits{}.Check().ok()); }

TEST(ServiceLimitsTest, LimitsThatContradictEachOtherNameTheFlag) {
  ServiceLimits limits;
  limits.history_bytes_max = 10;
  EXPECT_NE(MessageOf(limits.Check()).find("--history_bytes_max"), std::string_view::npos);
  limits = {};
  limits.message_bytes_max = 0;
  EXPECT_NE(MessageOf(limits.Check()).find("--message_bytes_max"), std::string_view::npos);
  limits = {};
  limits.subscriber_queue_bytes_max = 1000;
  EXPECT_NE(MessageOf(limits.Check()).find("--subscriber_queue_bytes_max"), std::string_view::npos);
  limits = {};
  limits.dedup_bytes_max = 1000;
  EXPECT_NE(MessageOf(limits.Check()).find("--dedup_bytes_max"), std::string_view::npos);
}

}  // namespace
}  // namespace channel
