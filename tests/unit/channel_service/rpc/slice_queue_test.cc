#include "channel_service/rpc/slice_queue.h"

#include <gtest/gtest.h>

#include <string>

#include "channel_service/base/clock.h"
#include "channel_service/limits.h"

namespace channel {
namespace {

constexpr PeerAddress kFlooder = {1};
constexpr PeerAddress kHonest = {2};

class Work final : public SlicedWork {
 public:
  Work(std::string* log, char name, int slices) : log_(*log), name_(name), left_(slices) {}
  bool DoSlice() override {
    log_ += name_;
    return --left_ > 0;
  }

 private:
  std::string& log_;
  const char name_;
  int left_;
};

// Runs until all is done.
void RunAll(SliceQueue* queue) {
  while (!queue->empty()) queue->Run();
}

TEST(SliceQueue, AddressesTakeTurnsAndSoDoTheCallsOfEach) {
  std::string log;
  Work a(&log, 'a', 3);
  Work b(&log, 'b', 2);
  Work c(&log, 'c', 1);
  Work honest(&log, 'h', 2);
  SliceQueue queue;
  for (Work* work : {&a, &b, &c}) queue.Add(kFlooder, work);
  queue.Add(kHonest, &honest);
  RunAll(&queue);
  EXPECT_EQ(log, "ahbhcaba");
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
