// Frames of every kind and length, in one piece and byte by byte.
#include "ws_edge/net/frame_meter.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/web_socket_frame.h"

namespace edge {
namespace {

using support::Opcode;

std::string ClientFrame(Opcode opcode, size_t size, bool fin = true) {
  return support::EncodeFrame(
      {.fin = fin, .opcode = static_cast<uint8_t>(opcode), .payload = std::string(size, 'x')});
}

TEST(FrameMeter, CountsWhatEndsWhereverTheBytesAreCut) {
  std::string bytes;
  for (const size_t size : {0, 1, 125, 126, 65'535, 65'536})
    bytes += ClientFrame(Opcode::kText, size);
  bytes += ClientFrame(Opcode::kText, 3, /*fin=*/false);
  bytes += ClientFrame(Opcode::kPing, 4);
  bytes += ClientFrame(Opcode::kContinuation, 0, /*fin=*/false);
  bytes += ClientFrame(Opcode::kContinuation, 5);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{1536}, bytes.size()}) {
    FrameMeter meter;
    FrameMeter::Passed passed;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      meter.Add(bytes.data() + at, std::min(piece, bytes.size() - at), &passed);
    }
    EXPECT_EQ(passed.frames, 10u) << piece;
    EXPECT_EQ(passed.controls, 1u) << piece;
    EXPECT_EQ(passed.messages, 7u) << piece;
    EXPECT_FALSE(meter.incomplete()) << piece;
  }
}

TEST(FrameMeter, AMessageIsIncompleteFromTheFirstByteOfItsHeaderToItsLastFragment) {
  FrameMeter meter;
  FrameMeter::Passed passed;
  const auto add = [&](std::string_view bytes) { meter.Add(bytes.data(), bytes.size(), &passed); };
  EXPECT_FALSE(meter.incomplete());
  const std::string empty = ClientFrame(Opcode::kText, 0, /*fin=*/false);
  add(std::string_view(empty).substr(0, 1));
  EXPECT_TRUE(meter.incomplete());
  add(std::string_view(empty).substr(1));
  EXPECT_TRUE(meter.incomplete()) << "an empty fragment";
  add(ClientFrame(Opcode::kPong, 2));
  EXPECT_TRUE(meter.incomplete()) << "control frames end no message";
  add(ClientFrame(Opcode::kContinuation, 0));
  EXPECT_FALSE(meter.incomplete());
  EXPECT_EQ(passed.messages, 1u);
}

}  // namespace
}  // namespace edge
