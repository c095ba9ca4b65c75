// One order for all: 4 publishers × 10,000 messages into one group over 4 edges.

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "tests/support/deployment.h"
#include "tests/support/web_socket_client.h"

namespace {

using support::TestFailure;
using support::WebSocketClient;

constexpr int kEdges = 4;
constexpr int kPublishers = 4;
constexpr int kMembersPerEdge = 2;
constexpr int kMembers = kEdges * kMembersPerEdge;
constexpr int kMessagesEach = 10'000;
constexpr int kBurst = 50;
// How far a publisher may be ahead of the slowest member. 4 publishers × 1,000 messages of less
// than 16 bytes are far below the session queue of 1 MiB, so that nobody is closed as a slow
// reader.
constexpr int kWindow = 1'000;
constexpr const char* kGroup = "order";
constexpr std::chrono::seconds kStalled{30};

// What every member has received from every publisher; publishers wait here for the slowest member.
class Progress {
 public:
  void OnReceived(int member, int publisher, int count) {
    {
      const std::lock_guard lock(mutex_);
      received_[member][publisher] += count;
    }
    changed_.notify_all();
  }

  void Abort() {
    {
      const std::lock_guard lock(mutex_);
      aborted_ = true;
    }
    changed_.notify_all();
  }

  // False if the run is over before `publisher` may have sent `sent` messages.
  bool AwaitRoom(int publisher, int sent) {
    std::unique_lock lock(mutex_);
    const auto has_room = [&] {
      if (aborted_) return true;
      for (const auto& member : received_) {
        if (sent - member[publisher] > kWindow) return false;
      }
      return true;
    };
    return changed_.wait_for(lock, kStalled, has_room) && !aborted_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int received_[kMembers][kPublishers] = {};
  bool aborted_ = false;
};

// One number per message, so that whole orders are compared at once.
int Encode(int publisher, int count) { return publisher * kMessagesEach + count; }

void Publish(WebSocketClient& client, int publisher, Progress& progress) {
  for (int sent = 0; sent < kMessagesEach; sent += kBurst) {
    if (!progress.AwaitRoom(publisher, sent + kBurst)) return;
    std::string burst;
    for (int i = sent; i < sent + kBurst; ++i) {
      burst += support::EncodeText(R"({"cmd":"send_to_group","group_id":"order","message":)" +
                                   std::to_string(Encode(publisher, i)) + "}");
    }
    client.SendRaw(burst);
  }
}

std::vector<int> ReadAll(WebSocketClient& client, int member, Progress& progress) {
  std::vector<int> order;
  order.reserve(kPublishers * kMessagesEach);
  int unreported[kPublishers] = {};
  while (order.size() < static_cast<std::size_t>(kPublishers) * kMessagesEach) {
    const int value = std::stoi(client.ReadMessage(kStalled));
    order.push_back(value);
    const int publisher = value / kMessagesEach;
    if (publisher < 0 || publisher >= kPublishers) throw TestFailure("an unknown message");
    if (++unreported[publisher] == kBurst) {
      progress.OnReceived(member, publisher, std::exchange(unreported[publisher], 0));
    }
  }
  return order;
}

// Says what is wrong with one member's order; empty = complete, nothing twice, each sender's order
// kept.
std::string Fault(const std::vector<int>& order) {
  int next[kPublishers] = {};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const int publisher = order[i] / kMessagesEach;
    const int count = order[i] % kMessagesEach;
    if (count != next[publisher]) {
      return "at " + std::to_string(i) + ": publisher " + std::to_string(publisher) + " sent " +
             std::to_string(next[publisher]) + " next, but " + std::to_string(count) + " came";
    }
    ++next[publisher];
  }
  return "";
}

TEST(Order, EveryMemberOnEveryEdgeSeesTheSameOrderNothingMissingAndNothingTwice) {
  support::DeploymentOptions options;
  options.edges = kEdges;
  support::Deployment deployment(options);
  std::vector<WebSocketClient> members;
  std::vector<WebSocketClient> publishers;
  for (int number = 1; number <= kEdges; ++number) {
    const std::string& edge = deployment.edge(number).name;
    publishers.push_back(WebSocketClient::OnEdge(deployment.edge_port(), edge));
    for (int i = 0; i < kMembersPerEdge; ++i) {
      members.push_back(WebSocketClient::OnEdge(deployment.edge_port(), edge));
    }
  }
  for (WebSocketClient& member : members) member.JoinAndWait(kGroup);

  Progress progress;
  std::vector<std::vector<int>> orders(kMembers);
  std::vector<std::string> failures(kMembers + kPublishers);
  std::vector<std::thread> threads;
  const auto run = [&](std::size_t slot, auto work) {
    threads.emplace_back([&progress, &failures, slot, work] {
      try {
        work();
      } catch (const std::exception& failure) {
        failures[slot] = failure.what();
        progress.Abort();
      }
    });
  };
  for (int member = 0; member < kMembers; ++member) {
    const auto slot = static_cast<std::size_t>(member);
    run(slot, [&, member, slot] { orders[slot] = ReadAll(members[slot], member, progress); });
  }
  for (int publisher = 0; publisher < kPublishers; ++publisher) {
    const auto index = static_cast<std::size_t>(publisher);
    run(kMembers + index,
        [&, publisher, index] { Publish(publishers[index], publisher, progress); });
  }
  for (std::thread& thread : threads) thread.join();

  for (std::size_t i = 0; i < failures.size(); ++i) {
    EXPECT_EQ(failures[i], "") << (i < kMembers ? "member " : "publisher ") << i;
  }
  for (std::size_t member = 0; member < orders.size(); ++member) {
    EXPECT_EQ(orders[member].size(), static_cast<std::size_t>(kPublishers) * kMessagesEach);
    EXPECT_EQ(Fault(orders[member]), "") << "member " << member;
    EXPECT_TRUE(orders[member] == orders[0]) << "member " << member << " saw another order";
  }
  for (WebSocketClient& member : members) member.ExpectSilence();
  for (WebSocketClient& publisher : publishers) publisher.ExpectSilence();
}

}  // namespace
