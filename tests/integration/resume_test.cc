// Joins and histories that ask for more than an edge keeps: the whole way from the channel
// service's history to a client.

#include <gtest/gtest.h>

#include <string>

#include "tests/support/deployment.h"
#include "tests/support/service_client.h"
#include "tests/support/web_socket_client.h"

namespace {

using support::Deployment;
using support::WebSocketClient;

// 50 messages of 10 KiB: twice the bytes that an edge keeps of one group.
constexpr int kMessages = 50;
constexpr std::size_t kMessageBytes = 10 << 10;

class ResumeTest : public ::testing::Test {
 protected:
  WebSocketClient Connect() {
    support::ConnectOptions options;
    options.subprotocols = support::kEnvelopedSubprotocol;
    WebSocketClient client(deployment_.edge_port(), options);
    EXPECT_EQ(client.ReadEvent().at("event").as_string(), "welcome");
    return client;
  }

  void Publish(const std::string& group) {
    support::ServiceClient service(deployment_.service_port());
    for (int i = 0; i < kMessages; ++i) {
      service.MustPublish(group, std::to_string(i) + std::string(kMessageBytes, 'x'));
    }
  }

  Deployment deployment_;
};

TEST_F(ResumeTest, TheNewestMessagesAreAllGivenThoughTheEdgeKeepsFewer) {
  Publish("newest");
  WebSocketClient client = Connect();
  client.SendText(R"({"id":1,"cmd":"add_group","group_id":"newest","last":50})");
  EXPECT_TRUE(client.ReadEvent().at("recovered").as_bool());
  for (int i = 0; i < kMessages; ++i) {
    const std::string message(client.ReadEvent().at("message").as_string());
    EXPECT_EQ(message.substr(0, message.find('x')), std::to_string(i));
  }
  client.ExpectSilence();
}

TEST_F(ResumeTest, AHistoryIsReadToItsEndPageByPage) {
  Publish("pages");
  WebSocketClient client = Connect();
  client.SendText(R"({"id":1,"cmd":"add_group","group_id":"pages"})");
  const boost::json::object joined = client.ReadEvent();
  std::int64_t offset = 0;
  int messages = 0;
  for (bool more = true; more;) {
    client.SendText(R"({"id":2,"cmd":"history","group_id":"pages","limit":20,"since":{"epoch":")" +
                    std::string(joined.at("epoch").as_string()) + R"(","offset":)" +
                    std::to_string(offset) + "}}");
    const boost::json::object page = client.ReadEvent();
    EXPECT_TRUE(page.at("recovered").as_bool());
    for (const boost::json::value& publication : page.at("publications").as_array()) {
      EXPECT_LE(publication.at("previous_offset").to_number<std::int64_t>(), offset);
      offset = publication.at("offset").to_number<std::int64_t>();
      ++messages;
    }
    more = page.at("more").as_bool();
    ASSERT_TRUE(!more || !page.at("publications").as_array().empty());
  }
  EXPECT_EQ(messages, kMessages);
}

TEST_F(ResumeTest, APositionOfAnotherGroupThatIsNewerMissedNothing) {
  support::ServiceClient service(deployment_.service_port());
  service.MustPublish("older", "one");
  const std::uint64_t newer = service.MustPublish("newer", "two");
  WebSocketClient other = Connect();
  other.SendText(R"({"id":1,"cmd":"add_group","group_id":"newer"})");
  const std::string epoch(other.ReadEvent().at("epoch").as_string());
  WebSocketClient client = Connect();
  client.SendText(R"({"id":1,"cmd":"add_group","group_id":"older","since":{"epoch":")" + epoch +
                  R"(","offset":)" + std::to_string(newer) + "}}");
  EXPECT_TRUE(client.ReadEvent().at("recovered").as_bool());
  client.ExpectSilence();
}

}  // namespace
