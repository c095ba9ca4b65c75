#include "channel_service/base/host_port.h"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>

#include "channel_service/base/strings.h"

namespace channel {
namespace {

TEST(HostPortTest, AHostIsANameOrAnAddressAndAPortMayBeMissing) {
  const auto name = ParseHostAndPort("node_2-b.example");
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->host, "node_2-b.example");
  EXPECT_FALSE(name->is_v6);
  EXPECT_EQ(name->port, std::nullopt);
  const auto v4 = ParseHostAndPort("127.0.0.1:65535");
  ASSERT_TRUE(v4.ok());
  EXPECT_EQ(v4->host, "127.0.0.1");
  EXPECT_EQ(v4->port, 65535);
  const auto v6 = ParseHostAndPort("[::1]:1");
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->host, "::1");
  EXPECT_TRUE(v6->is_v6);
  EXPECT_EQ(v6->port, 1);
  EXPECT_EQ(ParseHostAndPort("[fe80::1]")->port, std::nullopt);
}

TEST(HostPortTest, PortZeroIsForThoseWhoListen) {
  EXPECT_FALSE(ParseHostAndPort("a:0").ok());
  EXPECT_EQ(ParseHostAndPort("a:0", /*port_min=*/0)->port, 0);
}

TEST(HostPortTest, WhatIsWrongIsSaidWithoutTheText) {
  const std::pair<const char*, const char*> refused[] = {
      {"", "it is empty"},
      {":1", "the host is missing"},
      {"[]:1", "the host is missing"},
      {"[::1", "has no ]"},
      {"[::1]1", "may follow a ]"},
      {"[secret]", "no IPv6 address"},
      {"[127.0.0.1]", "no IPv6 address"},
      {"::1", "stands in brackets"},
      {"sec ret", "letters, digits"},
      {"secret/path", "letters, digits"},
      {"secret:", "from 1 to 65535"},
      {"secret:65536", "from 1 to 65535"},
      {"secret:-1", "from 1 to 65535"},
      {"secret:1x", "from 1 to 65535"},
  };
  for (const auto& [text, why] : refused) {
    const auto parsed = ParseHostAndPort(text);
    ASSERT_FALSE(parsed.ok()) << text;
    const std::string_view message = MessageOf(parsed.status());
    EXPECT_NE(message.find(why), std::string_view::npos) << text << ": " << message;
    EXPECT_EQ(message.find("sec"), std::string_view::npos) << message;
  }
}

}  // namespace
}  // namespace channel
