#include "ws_edge/net/message_buffers.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <string>
#include <vector>

#include "tests/unit/ws_edge/connected_session.h"

namespace edge {
namespace {

TEST(MessageBuffersTest, AMessageGrowsAndKeepsItsBytes) {
  MessageBuffers buffers;
  MessageBuffer message;
  EXPECT_FALSE(message.in_use());
  std::string expected = "begin";
  message.Begin(buffers, expected);
  while (expected.size() < 100'000) {
    size_t room = 0;
    char* const target = message.Room(buffers, &room);
    ASSERT_GT(room, 0u);
    const std::string piece(std::min<size_t>(room, 3'000), static_cast<char>('a' + room % 26));
    piece.copy(target, piece.size());
    message.Add(piece.size());
    expected += piece;
  }
  EXPECT_EQ(message.text(), expected);
  message.Release(buffers);
  EXPECT_FALSE(message.in_use());
}

TEST(MessageBuffersTest, AFewFreeBlocksStayWarmAndTheOthersHaveNoMemory) {
  constexpr size_t kBytes = 64 << 10;
  MessageBuffers buffers;
  std::vector<char*> blocks;
  for (size_t i = 0; i < 4 * MessageBuffers::kWarmBytesMax / kBytes; ++i) {
    blocks.push_back(buffers.Take(kBytes));
    blocks.back()[kBytes - 1] = 'x';
  }
  EXPECT_EQ(buffers.warm_bytes(), 0u);
  for (char* block : blocks) buffers.GiveBack(block, kBytes);
  EXPECT_EQ(buffers.warm_bytes(), MessageBuffers::kWarmBytesMax);
  size_t with_memory = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    char* const block = buffers.Take(kBytes);  // none is made anew while one is free
    EXPECT_NE(std::find(blocks.begin(), blocks.end(), block), blocks.end());
    if (block[kBytes - 1] == 'x') ++with_memory;
  }
  EXPECT_EQ(with_memory * kBytes, MessageBuffers::kWarmBytesMax);
  for (char* block : blocks) buffers.GiveBack(block, kBytes);
}

class SessionMemoryTest : public ConnectedSessionTest {};

// Memory that it keeps is counted on the heap; with a sanitizer there is no such count.
TEST_F(SessionMemoryTest, ASessionKeepsNothingOfItsLargestMessage) {
  const std::string head = R"({"cmd":"send_to_group","group_id":"g","message":")";
  const auto command = [&head](size_t bytes) {
    return head + std::string(bytes - head.size() - 2, 'x') + R"("})";
  };
  const auto expect_command = [this, &head](const std::string& message) {
    ASSERT_EQ(commands_.size(), 1u);
    EXPECT_EQ(commands_.front().message.size(), message.size() - head.size() - 2);
    commands_ = std::vector<Command>();
  };
  Upgrade();
  Say(support::Opcode::kText, command(60));
  expect_command(command(60));
  for (const size_t bytes : {size_t{129}, size_t{60'000}}) {
    const std::string message = command(bytes);
    const size_t before = ::mallinfo2().uordblks;
    Say(support::Opcode::kText, message);
    expect_command(message);
    EXPECT_LT(::mallinfo2().uordblks, before + 1024) << "after a message of " << bytes;
    EXPECT_LE(context_.message_buffers.warm_bytes(), MessageBuffers::kWarmBytesMax);
  }
}

}  // namespace
}  // namespace edge
