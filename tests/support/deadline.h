#pragma once

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>

namespace support {

using Clock = std::chrono::steady_clock;
using Duration = std::chrono::milliseconds;
using Deadline = Clock::time_point;

// How long a test waits for something that ought to come at once. Long, because a sanitizer build
// on a busy machine is slow; a test that passes never waits this long.
inline constexpr Duration kPatience{20'000};

// Test support throws this where going on makes no sense (a process that does not start, a frame
// that does not come). GoogleTest reports it as a failure of the running test. The product throws
// nothing; here an exception keeps each test one straight story without a check after every line.
class TestFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline Deadline After(Duration wait) { return Clock::now() + wait; }

// Milliseconds left until `deadline`, 0 if it has passed; rounded up, as poll(2) wants it.
int MillisecondsLeft(Deadline deadline);

// Asks `happened` again and again until it says yes (true) or `wait` has passed (false). Only for
// what can be seen in no other way than by asking: a metric, a state file, /readyz.
bool WaitUntil(const std::function<bool()>& happened, Duration wait = kPatience);

// WaitUntil, or TestFailure that says what was awaited.
void Await(const std::string& what, const std::function<bool()>& happened,
           Duration wait = kPatience);

// Waits until `ask` says exactly `expected`, or TestFailure that has both.
void AwaitText(const std::string& expected, const std::function<std::string()>& ask,
               Duration wait = kPatience);

}  // namespace support
