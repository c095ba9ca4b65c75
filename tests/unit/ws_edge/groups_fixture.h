// The groups of an edge between clients and a link that have no sockets: the test is the clients,
// and says what the channel service answers.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_upstream.h"
#include "ws_edge/groups/group_table.h"
#include "ws_edge/protocol/client.h"

namespace edge {

// Frames stay in the queue until the client reads.
class FakeFlushList final : public FlushList {
 public:
  void WaitWritable(SendQueue*) override {}
  void OnBroken(SendQueue*) override {}

 private:
  void FlushAllLater() override {}
};

class GroupsFixture : public ::testing::Test {
 protected:
  // A client of the enveloped dialect, or of the plain one.
  class FakeClient final : public Client {
   public:
    FakeClient(GroupsFixture& edge, bool enveloped);
    ~FakeClient() { Vanish(); }

    // A command, as JSON.
    void Say(std::string_view text);
    void OnCommand(Command command);
    void Vanish();
    // Reads, if it is reading; returns the frames since the last call, without `{"event":"` and
    // what no test looks at.
    std::vector<std::string> Told();
    // Returns the size of what it read.
    size_t Read();
    // It reads at the end of each turn, as a socket takes it; or only when the test calls Read.
    void SetReading(bool reading) { reading_ = reading; }
    bool closed_as_slow() const { return closed_as_slow_; }
    bool commands_held() const { return commands_held_; }
    // Bytes of answers that count as if it had sent them.
    size_t charged() const { return charged_; }

   private:
    friend class GroupsFixture;
    class Queue final : public SendQueue {
     public:
      explicit Queue(FlushList* flush_list) : SendQueue(-1, flush_list) { BeginData(); }
      using SendQueue::TakeQueued;
    };

    void CloseAsSlow() override;
    void HoldCommands(bool held) override { commands_held_ = held; }
    void ChargeAnswer(size_t bytes) override { charged_ += bytes; }

    GroupsFixture& edge_;
    Queue queue_;
    std::vector<std::string> read_;
    bool reading_ = true;
    bool gone_ = false;
    bool closed_as_slow_ = false;
    bool commands_held_ = false;
    size_t charged_ = 0;
  };

  GroupsFixture() { upstream_.Start(&groups_); }

  // The end of a turn of the loop.
  void Settle();

  // As upstream_ has them, and the end of the turn.
  std::string AskedLast() { return upstream_.AskedLast(); }
  void Confirm(const std::string& group_id, uint64_t head, bool recovered = true, uint32_t due = 0);
  void ConfirmWithGap(const std::string& group_id, uint64_t head, uint64_t after, uint64_t before,
                      uint32_t due = 0);
  void Publish(const std::string& group_id, uint64_t offset, uint64_t previous_offset);
  void AnswerSend(uint64_t offset);
  void Tick(std::chrono::milliseconds time);

  using Strings = std::vector<std::string>;

  prometheus::Registry registry_;
  EdgeMetrics metrics_{registry_};
  EdgeLimits limits_;
  channel::test::FakeClock clock_;
  FakeFlushList flush_list_;
  test::FakeUpstream upstream_{clock_, metrics_};
  GroupTable groups_{limits_, metrics_, clock_, upstream_.link()};
  std::vector<FakeClient*> clients_;
  uint64_t last_client_id_ = 0;
};

}  // namespace edge
