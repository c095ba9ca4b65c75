// The clients of the swarm behave as they should; the edge is a script.

#include "tests/faults/swarm.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/json.hpp>

namespace faults {
namespace {

namespace websocket = boost::beast::websocket;
using boost::asio::ip::tcp;
using Kind = MemberEvent::Kind;

// One accepted connection; blocking (the test's timeout bounds it).
class FakeSession {
 public:
  explicit FakeSession(tcp::socket socket) : stream_(std::move(socket)) {
    stream_.set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
      response.set(boost::beast::http::field::sec_websocket_protocol, "channel.v1.json");
    }));
    stream_.accept();
    Send(R"({"event":"welcome","connection_id":"c","session":"s","server":"fake",)"
         R"("ping_interval_ms":25000,"reconnect_ms":[1,50],"limits":{}})");
  }

  void Send(const std::string& text) {
    stream_.text(true);
    stream_.write(boost::asio::buffer(text));
  }
  boost::json::object Read() {
    boost::beast::flat_buffer buffer;
    stream_.read(buffer);
    const auto data = buffer.cdata();
    return boost::json::parse({static_cast<const char*>(data.data()), data.size()}).as_object();
  }
  // The next command, which must be this one.
  boost::json::object Read(const std::string& cmd) {
    boost::json::object command = Read();
    EXPECT_EQ(command.at("cmd").as_string(), cmd.c_str()) << command;
    return command;
  }
  // Answers `command`; `fields` begin with a comma.
  void Ok(const boost::json::object& command, const std::string& fields) {
    Send(R"({"event":"ok","id":)" + boost::json::serialize(command.at("id")) +
         R"(,"group_id":"g")" + fields + "}");
  }
  void Message(int offset, int previous, MessageId id, const std::string& epoch = "e1",
               const std::string& key = "") {
    Send(R"({"event":"message","group_id":"g","epoch":")" + epoch + R"(","offset":)" +
         std::to_string(offset) + R"(,"previous_offset":)" + std::to_string(previous) +
         (key.empty() ? "" : R"(,"key":")" + key + "\"") + R"(,"message":")" + BodyOf(id) +
         R"("})");
  }
  void Close(int code) {
    boost::system::error_code ignored;
    stream_.close(websocket::close_reason(static_cast<websocket::close_code>(code)), ignored);
  }

 private:
  websocket::stream<tcp::socket> stream_;
};

class SwarmTest : public ::testing::Test {
 protected:
  void Start(SwarmClientOptions options = {"client", "127.0.0.9", {"g"}, {}}) {
    swarm_.Add(std::move(options));
  }
  FakeSession Accept() { return FakeSession(acceptor_.accept()); }
  // Events of the one client's one group, as soon as there are so many.
  std::vector<MemberEvent> Events(std::size_t count) {
    std::vector<MemberEvent> events;
    support::Await("events", [&] {
      swarm_.With(0, [&](SwarmClient& client) { events = client.log(0).events; });
      return events.size() >= count;
    });
    EXPECT_EQ(events.size(), count);
    return events;
  }
  void SendOne(std::size_t unanswered_max = 1) {
    swarm_.With(0, [&](SwarmClient& client) {
      client.StartSending({5, {"g"}, 1000, unanswered_max, 0});
    });
  }

  boost::asio::io_context loop_;
  tcp::acceptor acceptor_{loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  Swarm swarm_{acceptor_.local_endpoint().port(), 1};
};

TEST_F(SwarmTest, AClientJoinsLogsAndResumesSinceItsPosition) {
  Start();
  {
    FakeSession session = Accept();
    const boost::json::object join = session.Read("add_group");
    EXPECT_FALSE(join.contains("since"));
    session.Ok(join, R"(,"epoch":"e1","offset":10,"recovered":true)");
    session.Message(12, 9, {1, 1});
    Events(2);
  }
  FakeSession session = Accept();
  const boost::json::object join = session.Read("add_group");
  EXPECT_EQ(boost::json::serialize(join.at("since")), R"({"epoch":"e1","offset":12})");
  session.Ok(join, R"(,"epoch":"e2","offset":3,"recovered":false)");
  session.Send(
      R"({"event":"gap","group_id":"g","epoch":"e2","after":12,"before":3,"reason":"epoch"})");
  session.Message(3, 2, {1, 2}, "e2");
  const std::vector<MemberEvent> events = Events(6);
  EXPECT_EQ(events[0].kind, Kind::kJoined);
  EXPECT_EQ(events[0].at, (Position{0, 10}));
  EXPECT_EQ(events[1].id, (MessageId{1, 1}));
  EXPECT_EQ(events[1].previous, 9u);
  EXPECT_EQ(events[2].kind, Kind::kConnectionLost);
  EXPECT_EQ(events[3].kind, Kind::kResumed);
  EXPECT_FALSE(events[3].recovered);
  EXPECT_EQ(events[4].kind, Kind::kGap);
  EXPECT_EQ(events[4].reason, GapReason::kEpoch);
  EXPECT_EQ(events[4].at, (Position{1, 3}));
  EXPECT_EQ(events[4].previous, 12u);
  EXPECT_EQ(events[5].at, (Position{1, 3}));
  EXPECT_TRUE(swarm_.Counts().surprises.empty());
}

TEST_F(SwarmTest, WhatWasNotAnsweredIsSentAgainWithTheSameKey) {
  Start({"client", "", {}, {}});
  SendOne();
  boost::json::object first;
  {
    FakeSession session = Accept();
    first = session.Read("send_to_group");
  }
  FakeSession session = Accept();
  boost::json::object again = session.Read("send_to_group");
  EXPECT_EQ(again.at("key"), first.at("key"));
  EXPECT_EQ(again.at("message"), first.at("message"));
  session.Send(R"({"event":"error","id":)" + boost::json::serialize(again.at("id")) +
               R"(,"code":"unavailable","message":"x","retryable":true,"retry_ms":5})");
  again = session.Read("send_to_group");
  EXPECT_EQ(again.at("key"), first.at("key"));
  swarm_.With(0, [](SwarmClient& client) { client.StopSending(); });
  session.Ok(again, R"(,"epoch":"e1","offset":7,"duplicate":true)");
  support::Await("the answer", [&] { return swarm_.publications().acknowledged() == 1; });
  const PublicationLog log = swarm_.publications().Copy().at(0);
  EXPECT_EQ(log.position, (Position{0, 7}));
  EXPECT_TRUE(log.duplicate);
  EXPECT_TRUE(log.sent_again);
}

TEST(Body, IsCutOffAMessageEventAndOffNoOther) {
  const std::string head = R"({"event":"message","group_id":"a \",\"message\":\"b","offset":1)";
  const std::string whole = head + R"(,"message":"text \" of it"})";
  std::string_view json = whole;
  EXPECT_EQ(TakeBody(json), R"(text \" of it)");
  EXPECT_EQ(json, head);
  for (const char* other : {R"({"event":"error","code":"c","message":"text"})",
                            R"({"event":"message","offset":1,"message":{"a":1}})", ""}) {
    json = other;
    EXPECT_EQ(TakeBody(json), "");
    EXPECT_EQ(json, other);
  }
}

TEST_F(SwarmTest, AMessageWithAKnownKeyIsLoggedAndDropped) {
  Start();
  FakeSession session = Accept();
  session.Ok(session.Read("add_group"), R"(,"epoch":"e1","offset":10,"recovered":true)");
  session.Message(11, 0, {1, 1}, "e1", "k");
  session.Message(12, 11, {1, 1}, "e1", "k");
  const std::vector<MemberEvent> events = Events(3);
  EXPECT_FALSE(events[1].dropped);
  EXPECT_TRUE(events[2].dropped);
}

TEST_F(SwarmTest, AClientThatIsToldToStayAwayDoes) {
  Start();
  FakeSession session = Accept();
  session.Read("add_group");
  session.Close(4503);
  support::Await("the close", [&] { return swarm_.Counts().closes[4503] == 1; });
  swarm_.With(0, [](SwarmClient& client) { EXPECT_TRUE(client.told_to_stay_away()); });
}

TEST_F(SwarmTest, AClientThatDoesNotReadHearsNothingUntilItReadsAgain) {
  Start();
  FakeSession session = Accept();
  session.Ok(session.Read("add_group"), R"(,"epoch":"e1","offset":10,"recovered":true)");
  session.Message(11, 0, {1, 1});
  Events(2);
  swarm_.With(0, [](SwarmClient& client) { client.SetReading(false); });
  for (int i = 12; i < 20; ++i) session.Message(i, i - 1, {1, static_cast<std::uint32_t>(i)});
  // One read was on its way.
  swarm_.With(0, [](SwarmClient& client) { EXPECT_LE(client.log(0).events.size(), 3u); });
  swarm_.With(0, [](SwarmClient& client) { client.SetReading(true); });
  Events(10);
}

TEST_F(SwarmTest, AHistoryThatIsCutGoesOnWhereTheMembersStand) {
  Start();
  FakeSession session = Accept();
  session.Ok(session.Read("add_group"), R"(,"epoch":"e1","offset":10,"recovered":true)");
  session.Message(12, 9, {1, 1});
  Events(2);
  SendOne();
  session.Ok(session.Read("send_to_group"), R"(,"epoch":"e1","offset":12)");
  swarm_.With(0, [](SwarmClient& client) { client.StopSending(); });
  support::Await("the answer", [&] { return swarm_.publications().acknowledged() == 1; });
  const History first = swarm_.CutHistory();
  EXPECT_EQ(first.publications.size(), 1u);
  EXPECT_EQ(first.members.at(0).events.size(), 2u);
  session.Message(14, 12, {1, 2});
  const std::vector<MemberEvent> events = Events(2);
  EXPECT_EQ(events[0].kind, Kind::kJoined);
  EXPECT_EQ(events[0].at, (Position{0, 12}));
  EXPECT_EQ(events[1].id, (MessageId{1, 2}));
  EXPECT_TRUE(swarm_.CutHistory().publications.empty());
}

}  // namespace
}  // namespace faults
