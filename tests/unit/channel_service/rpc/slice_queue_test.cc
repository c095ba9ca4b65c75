#include "channel_service/rpc/slice_queue.h"

#include <gtest/gtest.h>

#include <string>

#include "channel_service/base/clock.h"
#include "channel_service/limits.h"

namespace channel {
namespace {

constexpr PeerAddress kFlooder{1};
constexpr PeerAddress kHonest{2};

class Work final : public SlicedWork {
 public:
  Work(std::string* log, char name, int slices,
       std::chrono::microseconds length = std::chrono::microseconds(200))
      : log_(*log), name_(name), length_(length), left_(slices) {}
  bool DoSlice() override {
    log_ += name_;
    const SteadyTime until = std::chrono::steady_clock::now() + length_;
    while (std::chrono::steady_clock::now() < until) {
    }
    return --left_ > 0;
  }

 private:
  std::string& log_;
  const char name_;
  const std::chrono::microseconds length_;
  int left_;
};

// Runs until all is done.
void RunAll(SliceQueue* queue) {
  while (!queue->empty()) queue->Run();
}

TEST(SliceQueue, TheCallsOfAnAddressTakeTurns) {
  std::string log;
  Work a(&log, 'a', 3);
  Work b(&log, 'b', 2);
  Work c(&log, 'c', 1);
  SliceQueue queue;
  for (Work* work : {&a, &b, &c}) queue.Add(kFlooder, work);
  RunAll(&queue);
  EXPECT_EQ(log, "abcaba");
}

TEST(SliceQueue, ItIsTheTurnOfTheAddressThatHasUsedLeastTime) {
  std::string log;
  Work flood(&log, 'f', 4, std::chrono::milliseconds(20));
  Work honest(&log, 'h', 10, std::chrono::milliseconds(1));
  SliceQueue queue;
  queue.Add(kFlooder, &flood);
  queue.Add(kHonest, &honest);
  RunAll(&queue);
  EXPECT_EQ(log, "fhhhhhhhhhhfff");
}

TEST(SliceQueue, WhoComesBackOweWhatTheyHaveUsed) {
  std::string log;
  Work flood(&log, 'f', 1, std::chrono::milliseconds(20));
  Work again(&log, 'g', 1, std::chrono::milliseconds(20));
  Work honest(&log, 'h', 10, std::chrono::milliseconds(1));
  SliceQueue queue;
  queue.Add(kFlooder, &flood);
  queue.Add(kHonest, &honest);
  queue.Run();
  EXPECT_EQ(log, "f");
  queue.Add(kFlooder, &again);
  RunAll(&queue);
  EXPECT_EQ(log, "fhhhhhhhhhhg");
}

TEST(SliceClock, ItLooksSeldomAndSoonerForLongPieces) {
  SliceClock entries;
  int done = 0;
  while (!entries.IsOver()) ++done;
  EXPECT_GT(done, 15) << "a short loop does not look";
  SliceClock bodies;
  EXPECT_FALSE(bodies.IsOver(1 << 20)) << "the slice begins with the first look";
  const SteadyTime until = std::chrono::steady_clock::now() + kSliceTime;
  while (std::chrono::steady_clock::now() < until) {
  }
  EXPECT_TRUE(bodies.IsOver(1 << 20));
}

TEST(SliceQueue, ARunEndsInTimeAndTheNextGoesOn) {
  class Endless final : public SlicedWork {
   public:
    bool DoSlice() override {
      ++slices;
      return slices < 1'000'000'000;
    }
    int slices = 0;
  };
  Endless endless;
  SliceQueue queue;
  queue.Add(kFlooder, &endless);
  queue.Run();
  const int once = endless.slices;
  EXPECT_GT(once, 0);
  EXPECT_FALSE(queue.empty());
  queue.Run();
  EXPECT_GT(endless.slices, once);
}

TEST(SliceQueue, ASliceMayAddOtherWork) {
  class Adder final : public SlicedWork {
   public:
    Adder(SliceQueue* queue, SlicedWork* other) : queue_(*queue), other_(other) {}
    bool DoSlice() override {
      queue_.Add(kFlooder, other_);
      return false;
    }

   private:
    SliceQueue& queue_;
    SlicedWork* const other_;
  };
  std::string log;
  Work other(&log, 'o', 1);
  SliceQueue queue;
  Adder adder(&queue, &other);
  queue.Add(kFlooder, &adder);
  RunAll(&queue);
  EXPECT_EQ(log, "o");
}

}  // namespace
}  // namespace channel
