// Clients that do not read, do not answer or do not finish: bounded, closed with a reason, and
// nobody else notices. Members that do not read: tests/faults/stalled_reader_test.cc; when each
// deadline begins: tests/unit/ws_edge/session_deadlines_test.cc.

#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

#include "tests/support/deployment.h"
#include "tests/support/web_socket_client.h"

namespace {

using support::ConnectOptions;
using support::Deployment;
using support::DeploymentOptions;
using support::Duration;
using support::EncodeFrame;
using support::EncodeText;
using support::Frame;
using support::Opcode;
using support::WebSocketClient;

#ifdef __SANITIZE_ADDRESS__
// AddressSanitizer keeps up to 256 MiB of freed memory.
constexpr double kMemoryGrowthMax = 400.0 * 1024 * 1024;
#else
constexpr double kMemoryGrowthMax = 24.0 * 1024 * 1024;
#endif

constexpr int kPolicyViolation = 1008;
constexpr int kNoPong = 4012;

class Liveness : public ::testing::Test {
 protected:
  void Start(std::vector<std::string> edge_flags) {
    DeploymentOptions options;
    options.edge_flags = std::move(edge_flags);
    deployment_.emplace(options);
  }
  // A client that does not answer pings: a pong would land inside the frame that it has begun.
  WebSocketClient ConnectMute() {
    ConnectOptions options;
    options.answers_pings = false;
    return WebSocketClient(deployment_->edge_port(), options);
  }
  double Metric(const std::string& name) { return deployment_->edge(1).Metric(name); }

  std::optional<Deployment> deployment_;
};

TEST_F(Liveness, AFloodOfAClientThatDoesNotReadIsBounded) {
  constexpr int kBytes = 50 << 20;
  constexpr Duration kStalled{2'000};
  Start({});
  WebSocketClient member(deployment_->edge_port());
  member.JoinAndWait("flood");
  ConnectOptions small_buffer;
  small_buffer.tcp.receive_buffer_bytes = 4'096;
  // Each is answered: by a pong, or by an error.
  for (const std::string& frame :
       {EncodeFrame(Frame{true, 0, 9, true, std::string(125, 'p')}), EncodeText("nonsense")}) {
    WebSocketClient flooder(deployment_->edge_port(), small_buffer);
    std::string frames;
    for (int i = 0; i < 1'000; ++i) frames += frame;
    const double memory = Metric("channel_process_resident_memory_bytes");
    // Ends early when the edge stops reading or closes; either is a bound.
    for (std::size_t sent = 0; sent < kBytes; sent += frames.size()) {
      if (flooder.connection().SendWhileItMoves(frames, kStalled) < frames.size()) break;
    }
    EXPECT_LT(Metric("channel_process_resident_memory_bytes") - memory, kMemoryGrowthMax);
    member.Publish("flood", "unharmed");
    EXPECT_EQ(member.ReadMessage(), "unharmed");
  }
}

TEST_F(Liveness, WhoDoesNotAnswerPingsIsClosedAndWhoAnswersStays) {
  Start({"--ping_interval=1s", "--pong_timeout=500ms"});
  WebSocketClient good(deployment_->edge_port());
  std::vector<WebSocketClient> silent;
  silent.push_back(ConnectMute());
  silent.back().Join("left with its session");
  // The time of a message counts from its first byte of content; in the middle of a header nothing,
  // not even a pong, can be received.
  silent.push_back(ConnectMute());
  silent.back().SendRaw(EncodeText("{}").substr(0, 1));
  for (WebSocketClient& client : silent) {
    std::optional<Frame> frame;
    support::Await("the silent one is closed", [&] {
      EXPECT_FALSE(good.ReadFrame(Duration(20))) << "it answers its pings meanwhile";
      frame = client.ReadFrame(Duration(20));
      return frame && !frame->Is(Opcode::kPing);
    });
    EXPECT_EQ(frame->CloseCode(), kNoPong);
    EXPECT_NE(frame->CloseReason(), "");
    client.connection().ShutdownWrite();
    EXPECT_TRUE(client.AwaitEnd());
  }
  support::Await("their groups are gone", [&] { return Metric("channel_edge_groups") == 0; });
  good.ExpectSilence();
}

TEST_F(Liveness, AMessageThatIsNotFinishedInTimeIsClosedWithAClearReason) {
  Start({"--message_timeout=1s"});
  WebSocketClient member(deployment_->edge_port());
  member.JoinAndWait("unfinished");
  const std::string command = R"({"cmd":"add_group","group_id":"unfinished"})";
  const std::string fragment = EncodeFrame(Frame{false, 0, 1, true, command});
  const std::string beginnings[] = {
      EncodeText(command).substr(0, 20), fragment,
      EncodeFrame(Frame{true, 0, 1, true, command}, 0x7fff'ffff'ffff'ffff),  // 8 exabytes
      fragment + EncodeFrame(Frame{true, 0, 9, true, ""}),                   // and a ping
  };
  std::vector<WebSocketClient> clients;
  for (const std::string& beginning : beginnings) {
    clients.push_back(ConnectMute());
    clients.back().SendRaw(beginning);
  }
  // The last one dribbles on.
  clients.push_back(ConnectMute());
  const std::string slowly = EncodeText(std::string(60'000, ' '));
  std::size_t sent = 0;
  support::Await("the one that dribbles is closed", [&] {
    clients.back().SendRaw(slowly.substr(sent++, 1));
    const std::optional<Frame> frame = clients.back().ReadFrame(Duration(100));
    if (frame) {
      EXPECT_TRUE(frame->Is(Opcode::kClose)) << frame->payload;
      EXPECT_EQ(frame->CloseCode(), kPolicyViolation);
    }
    return frame.has_value();
  });
  clients.pop_back();
  for (WebSocketClient& client : clients) {
    const Frame close = client.ReadUntilClose();
    EXPECT_EQ(close.CloseCode(), kPolicyViolation);
    EXPECT_NE(close.CloseReason().find("message"), std::string::npos) << close.CloseReason();
    client.connection().ShutdownWrite();
    EXPECT_TRUE(client.AwaitEnd());
  }
  member.Publish("unfinished", "unharmed");
  EXPECT_EQ(member.ReadMessage(), "unharmed");
}

}  // namespace
