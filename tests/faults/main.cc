// The fault scenarios: real processes, faults, and a judge.

#include <gtest/gtest.h>

#include <exception>
#include <iostream>

#include "tests/faults/scenario.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  try {
    faults::Settings::Get().Read(argc, argv);
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << "\nknown: --seed=N --minutes=N --long --engine_flags='…'\n";
    return 64;
  }
  return RUN_ALL_TESTS();
}
