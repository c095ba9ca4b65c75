// Clients that do not read, do not answer or do not finish: bounded, closed with a reason, and
// nobody else notices.

#include <gtest/gtest.h>

#include "tests/support/deployment.h"
#include "tests/support/service_client.h"
#include "tests/support/web_socket_client.h"

namespace {

using support::Clock;
using support::ConnectOptions;
using support::Deployment;
using support::DeploymentOptions;
using support::Duration;
using support::Frame;
using support::Opcode;
using support::WebSocketClient;

// Over the session queue (1 MiB) and all that the kernel's buffers take on loopback (about 6 MiB).
constexpr int kPublications = 640;
constexpr std::size_t kBodyBytes = 60'000;
constexpr std::size_t kSentBytes = kPublications * kBodyBytes;
#ifdef __SANITIZE_ADDRESS__
// AddressSanitizer keeps up to 256 MiB of freed memory.
constexpr double kMemoryGrowthMax = 400.0 * 1024 * 1024;
#else
constexpr double kMemoryGrowthMax = 24.0 * 1024 * 1024;
#endif

constexpr int kPolicyViolation = 1008;
constexpr int kSlowConsumer = 4008;
constexpr int kNoPong = 4012;

DeploymentOptions EdgeFlags(std::vector<std::string> flags) {
  DeploymentOptions options;
  options.edge_flags = std::move(flags);
  return options;
}

double Memory(const support::Node& node) {
  return node.Metric("channel_process_resident_memory_bytes");
}

// A pong would land inside the frame that these clients have begun.
ConnectOptions Mute() {
  ConnectOptions options;
  options.answers_pings = false;
  return options;
}

ConnectOptions SmallReceiveBuffer() {
  ConnectOptions options;
  options.tcp.receive_buffer_bytes = 4'096;
  return options;
}

std::string NumberedBody(int number) {
  std::string body = std::to_string(number) + " ";
  body.resize(kBodyBytes, 'b');
  return body;
}

class SlowReader : public ::testing::Test {
 protected:
  // Publishes in steps that `reader` follows, so that only those who do not read fall behind.
  void PublishAndRead(WebSocketClient& reader) {
    for (int i = 0; i < kPublications; ++i) {
      const std::string body = NumberedBody(i);
      service_.MustPublish("flood", body);
      ASSERT_EQ(reader.ReadMessage(), body);
    }
  }

  Deployment deployment_;
  support::ServiceClient service_{deployment_.service_port()};
};

TEST_F(SlowReader, AMemberThatStopsReadingIsClosedWith4008AndOthersLoseNothing) {
  WebSocketClient fast(deployment_.edge_port());
  WebSocketClient slow(deployment_.edge_port(), SmallReceiveBuffer());
  fast.JoinAndWait("flood");
  slow.JoinAndWait("flood");
  const double memory = Memory(deployment_.edge(1));

  PublishAndRead(fast);

  EXPECT_LT(Memory(deployment_.edge(1)) - memory, kMemoryGrowthMax);
  // What was already on its way comes in order, then the close frame; never a torn one.
  std::size_t received = 0;
  int next = 0;
  std::optional<Frame> frame;
  while ((frame = slow.ReadFrame()) && !frame->Is(Opcode::kClose)) {
    ASSERT_EQ(frame->payload, NumberedBody(next++));
    received += frame->payload.size();
  }
  ASSERT_TRUE(frame) << "no close frame";
  EXPECT_EQ(frame->CloseCode(), kSlowConsumer);
  EXPECT_FALSE(frame->CloseReason().empty());
  EXPECT_LT(received, kSentBytes / 2) << "it was not slow enough to show anything";
  slow.connection().ShutdownWrite();
  EXPECT_TRUE(slow.AwaitEnd());
  support::Await("only the fast member is left",
                 [&] { return deployment_.edge(1).Metric("channel_edge_sessions") == 1; });
  fast.ExpectSilence();
}

TEST_F(SlowReader, AMemberThatStopsReadingAndNeverComesBackIsForgotten) {
  WebSocketClient fast(deployment_.edge_port());
  WebSocketClient dead(deployment_.edge_port(), SmallReceiveBuffer());
  fast.JoinAndWait("flood");
  dead.JoinAndWait("flood");
  PublishAndRead(fast);
  // Its close frame cannot be sent: the edge gives up after a while, without the client's help.
  support::Await("the dead session is gone",
                 [&] { return deployment_.edge(1).Metric("channel_edge_sessions") == 1; });
  EXPECT_EQ(deployment_.edge(1).Metric("channel_edge_memberships"), 1);
}

TEST_F(SlowReader, APingFloodOfAClientThatDoesNotReadIsBounded) {
  constexpr std::size_t kPings = 400'000;
  constexpr std::size_t kPingsPerWrite = 1'000;
  constexpr Duration kStalled{2'000};
  WebSocketClient member(deployment_.edge_port());
  member.JoinAndWait("flood");
  WebSocketClient flooder(deployment_.edge_port(), SmallReceiveBuffer());
  const std::string ping = support::EncodeFrame(Frame{true, 0, 9, true, std::string(125, 'p')});
  std::string pings;
  for (std::size_t i = 0; i < kPingsPerWrite; ++i) pings += ping;
  const double memory = Memory(deployment_.edge(1));

  // Ends early when the edge stops reading or closes; either is a bound.
  for (std::size_t sent = 0; sent < kPings; sent += kPingsPerWrite) {
    if (flooder.connection().SendWhileItMoves(pings, kStalled) < pings.size()) break;
  }

  EXPECT_LT(Memory(deployment_.edge(1)) - memory, kMemoryGrowthMax);
  member.Publish("flood", "unharmed");
  EXPECT_EQ(member.ReadMessage(), "unharmed");
}

TEST_F(SlowReader, AFloodOfErrorsForAClientThatDoesNotReadIsBounded) {
  constexpr Duration kStalled{2'000};
  WebSocketClient member(deployment_.edge_port());
  member.JoinAndWait("flood");
  WebSocketClient flooder(deployment_.edge_port(), SmallReceiveBuffer());
  std::string nonsense;
  for (int i = 0; i < 1'000; ++i) nonsense += support::EncodeText("nonsense");
  const double memory = Memory(deployment_.edge(1));
  for (int i = 0; i < 400; ++i) {
    if (flooder.connection().SendWhileItMoves(nonsense, kStalled) < nonsense.size()) break;
  }
  EXPECT_LT(Memory(deployment_.edge(1)) - memory, kMemoryGrowthMax);
  member.Publish("flood", "unharmed");
  EXPECT_EQ(member.ReadMessage(), "unharmed");
}

TEST(Liveness, AClientThatDoesNotAnswerPingsIsClosedWith4012) {
  Deployment deployment(EdgeFlags({"--ping_interval=1s", "--pong_timeout=500ms"}));
  WebSocketClient silent(deployment.edge_port(), Mute());
  const std::optional<Frame> ping = silent.ReadFrame();
  ASSERT_TRUE(ping && ping->Is(Opcode::kPing));
  const Clock::time_point pinged = Clock::now();
  const Frame close = silent.ReadUntilClose();
  EXPECT_EQ(close.CloseCode(), kNoPong);
  EXPECT_FALSE(close.CloseReason().empty());
  EXPECT_LT(Clock::now() - pinged, std::chrono::seconds(5));
  silent.connection().ShutdownWrite();
  EXPECT_TRUE(silent.AwaitEnd());
}

TEST(Liveness, AFrameHeaderThatNeverEndsIsClosedForWantOfAPong) {
  // The time of a message counts from its first byte of content; in the middle of a header nothing,
  // not even a pong, can be received.
  Deployment deployment(EdgeFlags({"--ping_interval=1s", "--pong_timeout=500ms"}));
  WebSocketClient client(deployment.edge_port(), Mute());
  client.SendRaw(support::EncodeText("{}").substr(0, 1));
  EXPECT_EQ(client.ReadUntilClose().CloseCode(), kNoPong);
}

TEST(Liveness, AClientThatAnswersPingsStays) {
  Deployment deployment(EdgeFlags({"--ping_interval=1s", "--pong_timeout=500ms"}));
  WebSocketClient client(deployment.edge_port());
  // Answers what comes in three intervals; a data frame or a close would end the wait.
  EXPECT_FALSE(client.ReadFrame(Duration(3'500)));
  client.ExpectSilence();
}

TEST(Liveness, AClientThatVanishedWithoutAWordIsForgotten) {
  Deployment deployment(EdgeFlags({"--ping_interval=1s", "--pong_timeout=500ms"}));
  WebSocketClient vanished(deployment.edge_port(), Mute());
  vanished.JoinAndWait("vanished");
  // It keeps its socket open and does nothing at all any more.
  support::Await("the session is gone", [&] {
    return deployment.edge(1).Metric("channel_edge_sessions") == 0 &&
           deployment.edge(1).Metric("channel_edge_groups") == 0;
  });
}

struct Beginning {
  std::string name;
  std::string bytes;
};
void PrintTo(const Beginning& beginning, std::ostream* out) { *out << beginning.name; }

class Unfinished : public ::testing::TestWithParam<Beginning> {};

TEST_P(Unfinished, IsClosedInTimeWithAClearReason) {
  Deployment deployment(EdgeFlags({"--message_timeout=1s"}));
  WebSocketClient member(deployment.edge_port());
  member.JoinAndWait("unfinished");
  WebSocketClient client(deployment.edge_port(), Mute());
  const Clock::time_point sent = Clock::now();
  client.SendRaw(GetParam().bytes);
  const Frame close = client.ReadUntilClose();
  EXPECT_EQ(close.CloseCode(), kPolicyViolation);
  EXPECT_NE(close.CloseReason().find("message"), std::string::npos) << close.CloseReason();
  EXPECT_GE(Clock::now() - sent, std::chrono::milliseconds(900));
  EXPECT_LT(Clock::now() - sent, std::chrono::seconds(5));
  client.connection().ShutdownWrite();
  EXPECT_TRUE(client.AwaitEnd());
  member.Publish("unfinished", "unharmed");
  EXPECT_EQ(member.ReadMessage(), "unharmed");
}

const std::string kCommand = R"({"cmd":"add_group","group_id":"unfinished"})";

INSTANTIATE_TEST_SUITE_P(
    Messages, Unfinished,
    ::testing::Values(
        Beginning{"HalfAFrame", support::EncodeText(kCommand).substr(0, 20)},
        Beginning{"OneFragment", support::EncodeFrame(Frame{false, 0, 1, true, kCommand})},
        Beginning{"AFrameThatClaims8Exabytes",
                  support::EncodeFrame(Frame{true, 0, 1, true, kCommand}, 0x7fff'ffff'ffff'ffff)},
        Beginning{"AFragmentAndPings", support::EncodeFrame(Frame{false, 0, 1, true, kCommand}) +
                                           support::EncodeFrame(Frame{true, 0, 9, true, ""})}),
    [](const auto& row) { return row.param.name; });

TEST(Liveness, AMessageThatDribblesInIsClosedInTimeToo) {
  Deployment deployment(EdgeFlags({"--message_timeout=1s"}));
  WebSocketClient client(deployment.edge_port(), Mute());
  const std::string slowly = support::EncodeText(std::string(60'000, ' '));
  std::optional<Frame> frame;
  std::size_t sent = 0;
  while ((!frame || frame->Is(Opcode::kPing)) && sent < 100) {
    client.SendRaw(slowly.substr(sent++, 1));
    frame = client.ReadFrame(Duration(100));
  }
  ASSERT_TRUE(frame && frame->Is(Opcode::kClose)) << "10 s for 100 bytes, and still open";
  EXPECT_EQ(frame->CloseCode(), kPolicyViolation);
}

}  // namespace
