#include "ws_edge/net/frame.h"

#include <gtest/gtest.h>

#include <string>

namespace edge {
namespace {

TEST(FrameTest, LengthsAreEncodedInTheShortestForm) {
  // RFC 6455 section 5.2.
  const auto header = [](size_t payload) {
    const FramePtr frame = Frame::Encode(Opcode::kText, std::string(payload, 'x'));
    return std::string(frame->bytes().substr(0, frame->size() - payload));
  };
  EXPECT_EQ(header(0), std::string("\x81\x00", 2));
  EXPECT_EQ(header(125), "\x81\x7d");
  EXPECT_EQ(header(126), std::string("\x81\x7e\x00\x7e", 4));
  EXPECT_EQ(header(65535), "\x81\x7e\xff\xff");
  EXPECT_EQ(header(65536), std::string("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10));
}

TEST(FrameTest, OpcodesAndPayloadAreThere) {
  EXPECT_EQ(Frame::Encode(Opcode::kBinary, "ab")->bytes(),
            "\x82\x02"
            "ab");
  EXPECT_EQ(Frame::Encode(Opcode::kPing, {})->bytes(), std::string("\x89\x00", 2));
  EXPECT_EQ(Frame::Copy("raw")->bytes(), "raw");
}

TEST(FrameTest, AFrameLivesAsLongAsSomebodyHoldsIt) {
  FramePtr first = Frame::Encode(Opcode::kText, std::string(1000, 'x'));
  const FramePtr second = first;
  first.reset();
  EXPECT_EQ(second->size(), 1004u);
}

}  // namespace
}  // namespace edge
