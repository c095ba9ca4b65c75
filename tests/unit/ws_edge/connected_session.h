// A session on one end of a socket pair; the test is its owner and its client.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/beast/http.hpp>
#include <memory>
#include <string>

#include "tests/support/fake_clock.h"
#include "tests/support/web_socket_frame.h"
#include "ws_edge/edge_server.h"
#include "ws_edge/session/session.h"

namespace edge {

class ConnectedSessionTest : public ::testing::Test, public SessionObserver {
 protected:
  ConnectedSessionTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    Socket socket(loop_.get_executor());
    socket.assign(boost::asio::ip::tcp::v4(), ends[0]);
    peer_ = ends[1];
    session_ =
        std::make_shared<Session>(context_, 1, std::move(socket), boost::asio::ip::tcp::endpoint());
  }
  ~ConnectedSessionTest() override {
    session_->Abort();
    Turn();
    ::close(peer_);
  }

  // Answers an upgrade request and takes what was said.
  std::string Upgrade(std::string_view subprotocol = {}) {
    namespace http = boost::beast::http;
    channel::HttpRequest request(http::verb::get, "/", 11);
    request.set(http::field::host, "127.0.0.1");
    request.set(http::field::connection, "Upgrade");
    request.set(http::field::upgrade, "websocket");
    request.set(http::field::sec_websocket_version, "13");
    request.set(http::field::sec_websocket_key, "AAAAAAAAAAAAAAAAAAAAAA==");
    if (!subprotocol.empty()) {
      request.set(http::field::sec_websocket_protocol, {subprotocol.data(), subprotocol.size()});
    }
    session_->Start(request);
    Turn();
    return Receive();
  }

  void Say(support::Opcode opcode, std::string_view payload, bool fin = true) {
    const std::string frame = support::EncodeFrame(
        {.fin = fin, .opcode = static_cast<uint8_t>(opcode), .payload = std::string(payload)});
    for (std::string_view rest = frame; !rest.empty();) {
      const ssize_t sent = ::send(peer_, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) rest.remove_prefix(static_cast<size_t>(sent));
      Turn();
    }
  }

  // Returns what the peer can read now, at most `bytes_max`.
  std::string Receive(size_t bytes_max = SIZE_MAX) {
    std::string all;
    char buffer[4096];
    while (all.size() < bytes_max) {
      const ssize_t size =
          ::recv(peer_, buffer, std::min(sizeof buffer, bytes_max - all.size()), MSG_DONTWAIT);
      if (size <= 0) break;
      all.append(buffer, static_cast<size_t>(size));
    }
    return all;
  }

  void Turn() {
    loop_.restart();
    loop_.poll();
  }

  void OnCommand(Session*, Command&& command) override { commands_.push_back(std::move(command)); }
  void OnSessionOver(Session*, const CloseReason&) override { over_ = true; }
  void OnSessionClosing(Session* session) override { deadlines_.OnClosing(session); }
  void OnMessageIncomplete(Session* session, bool incomplete) override {
    deadlines_.OnMessageIncomplete(session, incomplete);
  }
  void OnReadHeld(Session* session) override { deadlines_.OnReadHeld(session); }

  boost::asio::io_context loop_{1};
  prometheus::Registry registry_;
  EdgeMetrics metrics_{registry_};
  EdgeLimits limits_;
  channel::test::FakeClock clock_;
  LoopFlushList flush_list_{loop_};
  SessionDeadlines deadlines_{limits_, clock_};
  const std::string name_ = "edge";
  bool service_away_ = false;
  SessionContext context_{name_,       name_, name_,  limits_,      metrics_,
                          flush_list_, *this, clock_, service_away_};
  std::shared_ptr<Session> session_;
  int peer_ = -1;
  bool over_ = false;
  std::vector<Command> commands_;  // that came
};

}  // namespace edge
