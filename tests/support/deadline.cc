#include "tests/support/deadline.h"

#include <poll.h>

#include <algorithm>

namespace support {

int MillisecondsLeft(Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 3'600'000));
}

bool WaitUntil(const std::function<bool()>& happened, Duration wait) {
  constexpr int kAskAgainMs = 10;
  const Deadline deadline = After(wait);
  while (!happened()) {
    const int left = MillisecondsLeft(deadline);
    if (left == 0) return false;
    ::poll(nullptr, 0, std::min(left, kAskAgainMs));
  }
  return true;
}

void Await(const std::string& what, const std::function<bool()>& happened, Duration wait) {
  if (WaitUntil(happened, wait)) return;
  throw TestFailure("waited " + std::to_string(wait.count()) + " ms in vain for: " + what);
}

void AwaitText(const std::string& expected, const std::function<std::string()>& ask,
               Duration wait) {
  std::string said;
  if (WaitUntil([&] { return (said = ask()) == expected; }, wait)) return;
  throw TestFailure("waited " + std::to_string(wait.count()) + " ms in vain\n  for: " + expected +
                    "\n  was: " + said);
}

}  // namespace support
