// The fault scenarios: real processes, faults, and a judge. Exit code 77: nothing could be run
// here.

#include <gtest/gtest.h>

#include <iostream>

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  constexpr int kSkipped = 77;
  const ::testing::UnitTest& run = *::testing::UnitTest::GetInstance();
  if (run.test_to_run_count() == 0) {
    std::cerr << "no scenario matches --gtest_filter=" << GTEST_FLAG_GET(filter) << "\n";
    return 1;
  }
  const bool nothing_ran = run.skipped_test_count() > 0 && run.successful_test_count() == 0;
  return result == 0 && nothing_ran ? kSkipped : result;
}
