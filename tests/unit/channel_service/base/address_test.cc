#include "channel_service/base/address.h"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>

#include "channel_service/base/log.h"
#include "channel_service/base/strings.h"

namespace channel {
namespace {

TEST(AddressTest, AddressesAreReadAndWrittenAlike) {
  for (const char* text : {"127.0.0.1:2206", "[::1]:2206", "0.0.0.0:0", "127.0.0.1:65535"}) {
    const auto endpoint = ParseListenAddress(text);
    ASSERT_TRUE(endpoint.ok()) << text;
    EXPECT_EQ(ToString(*endpoint), text);
  }
  EXPECT_EQ(ToString(*ParseListenAddress("localhost:80")), "127.0.0.1:80");
}

TEST(AddressTest, WhatIsNoAddressIsRefusedWithAnExample) {
  for (const char* text : {"", "2206", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x",
                           "127.0.0.1:-1", "nowhere.example:1", "127.0.0.1:22 ", "::1:2206",
                           "[127.0.0.1]:2206", "http://127.0.0.1:2206", " 127.0.0.1:2206"}) {
    const auto endpoint = ParseListenAddress(text);
    ASSERT_FALSE(endpoint.ok()) << text;
    EXPECT_NE(MessageOf(endpoint.status()).find("127.0.0.1:2206"), std::string_view::npos) << text;
  }
}

TEST(AddressTest, AUnixSocketHasAnAbsolutePathThatTheKernelTakes) {
  EXPECT_TRUE(IsUnixAddress("unix:/run/a.sock"));
  EXPECT_FALSE(IsUnixAddress("unix.example:1"));
  const std::string longest = "/" + std::string(106, 'x');
  for (const std::string& path : {std::string("/run/a.sock"), longest}) {
    EXPECT_EQ(*ParseUnixAddress("unix:" + path), path);
    EXPECT_TRUE(CheckConnectAddress("unix:" + path).ok());
  }
  for (const std::string& path : {std::string(), std::string("a.sock"), longest + "x"}) {
    const auto parsed = ParseUnixAddress("unix:" + path);
    EXPECT_NE(MessageOf(parsed.status()).find("as unix:/run/"), std::string_view::npos) << path;
    EXPECT_EQ(CheckConnectAddress("unix:" + path), parsed.status());
  }
}

TEST(AddressTest, GrpcGetsThePathOfAUnixSocketAsThatOfAUri) {
  EXPECT_EQ(GrpcTarget("unix:/run dir/50%?.sock"), "unix:/run%20dir/50%25%3F.sock");
  EXPECT_EQ(GrpcTarget("channel.example:2206"), "channel.example:2206");
}

TEST(AddressTest, AnAddressToConnectToNeedsAHostAndAPort) {
  for (const char* text : {"127.0.0.1:2206", "[::1]:2206", "channel.example:1", "node_2-b:65535"}) {
    EXPECT_TRUE(CheckConnectAddress(text).ok()) << text;
  }
  const std::pair<const char*, const char*> refused[] = {
      {"", "it is empty"},
      {"nonsense", "the port is missing"},
      {":1", "the host is missing"},
      {"host:", "from 1 to 65535"},
      {"host:0", "from 1 to 65535"},
      {"host:x", "from 1 to 65535"},
      {"host:+1", "from 1 to 65535"},
      {"host:70000", "from 1 to 65535"},
      {"http://host:1", "a scheme is not allowed"},
      {"dns:///host:1", "a scheme is not allowed"},
      {"a b:1", "letters, digits"},
      {" host:1", "letters, digits"},
      {"host:1 ", "from 1 to 65535"},
      {"host/path:1", "letters, digits"},
      {"user@host:1", "letters, digits"},
      {"::1:2206", "in brackets"},
      {"[]:1", "the host is missing"},
      {"[127.0.0.1]:1", "no IPv6"},
      {"[::1]", "the port is missing"},
  };
  for (const auto& [text, why] : refused) {
    const auto status = CheckConnectAddress(text);
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_NE(MessageOf(status).find(why), std::string_view::npos) << MessageOf(status);
    EXPECT_NE(MessageOf(status).find("write HOST:PORT"), std::string_view::npos) << text;
  }
}

TEST(AddressTest, AListOfAddressesHasEachOnce) {
  EXPECT_TRUE(CheckConnectAddresses({"a:1", "a:2", "b:1"}).ok());
  EXPECT_FALSE(CheckConnectAddresses({}).ok());
  EXPECT_FALSE(CheckConnectAddresses({"a:1", ""}).ok());
  const auto status = CheckConnectAddresses({"a:1", "b:1", "a:1"});
  ASSERT_FALSE(status.ok());
  EXPECT_NE(MessageOf(status).find("a:1 is given twice"), std::string_view::npos);
}

TEST(AddressTest, AnExposedAddressNeedsInsecure) {
  const auto exposed = *ParseListenAddress("0.0.0.0:2206");
  EXPECT_TRUE(CheckExposure(*ParseListenAddress("127.0.0.1:1"), "--listen", "all", false).ok());
  ASSERT_TRUE(InitLog("test", "info").ok());
  testing::internal::CaptureStderr();
  EXPECT_TRUE(CheckExposure(exposed, "--listen", "whoever reaches it can do all", true).ok());
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_NE(
      log.find("--listen=0.0.0.0:2206 asks nobody who they are; whoever reaches it can do all"),
      std::string::npos)
      << log;
  const auto status = CheckExposure(exposed, "--listen", "all", false);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(MessageOf(status).find("--insecure"), std::string_view::npos);
}

}  // namespace
}  // namespace channel
