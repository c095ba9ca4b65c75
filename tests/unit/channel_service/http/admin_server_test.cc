// The HTTP server by its smallest user, the admin address: answers, refusals, bounds.
#include "channel_service/http/admin_server.h"

#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <vector>

#include "channel_service/http/connection.h"

namespace channel {
namespace {

using boost::asio::ip::tcp;

class AdminServerTest : public ::testing::Test {
 protected:
  AdminServerTest() {
    server_.Handle("/hello", [] { return AdminAnswer{200, "hello"}; });
    server_.Handle("/away", [] { return AdminAnswer{503, "away\n"}; });
    const auto bound = server_.Listen({boost::asio::ip::make_address("127.0.0.1"), 0});
    if (bound.ok()) endpoint_ = *bound;
  }

  tcp::socket Connect() {
    tcp::socket client(loop_);
    client.open(tcp::v4());
    client.set_option(tcp::socket::receive_buffer_size(4096));  // no long answer fits
    client.connect(endpoint_);
    return client;
  }

  // Returns all that the server sends until it has closed.
  std::string ReadAll(tcp::socket& client) {
    std::string answer;
    bool closed = false;
    boost::asio::async_read(client, boost::asio::dynamic_buffer(answer),
                            [&](const boost::system::error_code&, size_t) { closed = true; });
    while (!closed && loop_.run_one_for(std::chrono::seconds(30)) > 0) {
    }
    EXPECT_TRUE(closed);
    return answer;
  }

  std::string Ask(std::string_view request) {
    tcp::socket client = Connect();
    boost::asio::write(client, boost::asio::buffer(request));
    return ReadAll(client);
  }

  boost::asio::io_context loop_{1};
  AdminServer server_{loop_};
  AdminServer::Endpoint endpoint_;
};

TEST_F(AdminServerTest, PathsAreAnswered) {
  const std::string hello = Ask("GET /hello?x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(hello.starts_with("HTTP/1.1 200 ")) << hello;
  EXPECT_TRUE(hello.ends_with("\r\n\r\nhello\n")) << hello;
  const std::string head = Ask("HEAD http://localhost/hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(head.ends_with("Content-Length: 6\r\n\r\n")) << head;
  const std::string away = Ask("GET /away HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(away.starts_with("HTTP/1.1 503 ")) << away;
  EXPECT_TRUE(away.ends_with("\r\n\r\naway\n")) << away;
}

TEST_F(AdminServerTest, BadRequestsAreToldWhy) {
  struct Row {
    std::string request;
    const char* status;
    const char* why;
  };
  const Row rows[] = {
      {"GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n", "404", "served here: /away /hello"},
      {"POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", "405",
       "only GET"},
      {"GET /hello HTTP/1.1\r\n\r\n", "400", "'Host' is missing"},
      {"GET hello HTTP/1.1\r\nHost: localhost\r\n\r\n", "400", "neither a path nor an URL"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400", "not an HTTP/1.1 request"},
      {"GET / HTTP/1.1\r\nX: " + std::string(2 * kHttpHeaderBytesMax, 'x'), "431", "8192 bytes"},
  };
  for (const Row& row : rows) {
    const std::string answer = Ask(row.request);
    EXPECT_EQ(answer.substr(9, 3), row.status) << answer;
    EXPECT_NE(answer.find(row.why), std::string::npos) << answer;
  }
}

TEST_F(AdminServerTest, ARequestGetsThePlaceOfTheOldestThatSaysNothing) {
  std::vector<tcp::socket> clients;
  while (clients.size() < kAdminConnectionsMax) {
    clients.push_back(Connect());
    boost::asio::write(clients.back(), boost::asio::buffer(std::string("GET /hel")));
  }
  const std::string answer = Ask("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_EQ(ReadAll(clients.front()), "");
  boost::asio::write(clients[1], boost::asio::buffer(std::string("lo HTTP/1.0\r\n\r\n")));
  EXPECT_TRUE(ReadAll(clients[1]).starts_with("HTTP/1.1 200 "));
}

TEST_F(AdminServerTest, IfAllAreBeingAnsweredOneMoreIsToldSo) {
  // More than the kernel takes for a client that does not read.
  server_.Handle("/large", [] { return AdminAnswer{200, std::string(8 << 20, 'x')}; });
  std::vector<tcp::socket> clients;
  while (clients.size() < kAdminConnectionsMax) {
    clients.push_back(Connect());
    boost::asio::write(clients.back(),
                       boost::asio::buffer(std::string("GET /large HTTP/1.0\r\n\r\n")));
  }
  while (loop_.poll_one() > 0) {
  }
  const std::string answer = Ask("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
}

TEST_F(AdminServerTest, OnlyAddressesLocalhostAndNamesThatAreListedAreAnswered) {
  EXPECT_TRUE(server_.AllowNames({"ops.example", "*.intern.example:2207"}).ok());
  EXPECT_FALSE(server_.AllowNames({"http://ops.example"}).ok());
  const auto status = [&](const std::string& host) {
    return Ask("GET /hello HTTP/1.1\r\nHost: " + host + "\r\n\r\n").substr(9, 3);
  };
  for (const char* host : {"127.0.0.1:2207", "10.1.2.3", "[::1]:2207", "localhost", "LOCALHOST:80",
                           "ops.example", "ops.example:8080", "a.intern.example:2207"}) {
    EXPECT_EQ(status(host), "200") << host;
  }
  for (const char* host :
       {"evil.example", "ops.example.evil.example", "a.intern.example", "127.0.0.1.evil.example"}) {
    EXPECT_EQ(status(host), "421") << host;
  }
}

class RefuseOnly final : public HttpHandler {
 public:
  void OnRequest(HttpConnection&) override { FAIL() << "there was no request"; }
  void OnBadRequest(HttpConnection& connection, const Refusal& refusal) override {
    connection.Answer(TextAnswer(refusal.status, refusal.why));
  }
};

TEST_F(AdminServerTest, HalfARequestIsAnsweredWhenTimeIsUp) {
  Listener listener(loop_, [](Socket socket) {
    const HttpTimes times{.request_until = std::chrono::steady_clock::now(),
                          .answer = AdminServer::kTimeout};
    std::make_shared<HttpConnection>(std::move(socket), std::make_unique<RefuseOnly>(), times)
        ->Start("GET /hel");
  });
  endpoint_ =
      *listener.Listen({boost::asio::ip::make_address("127.0.0.1"), 0}, Listener::Port::kOwn);
  const std::string answer = Ask("lo HTTP/1.1\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
}

}  // namespace
}  // namespace channel
