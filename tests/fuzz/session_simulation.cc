// The simulation with random bytes: what a fuzzer would find without a search. Each run prints its
// seed if it fails; the same seed does the same again.
//
//   session_simulation [SEQUENCES] [--seed=N] [--trace] [--write=FILE]
//   session_simulation --input=FILE [--trace]
//
// --write keeps the bytes of the first sequence, for the corpus of session_fuzz; --input runs what
// is in a file, e.g. what a fuzzer has found.
#include <sys/personality.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include "tests/fuzz/simulation.h"

namespace {

uint64_t seed_of_run = 0;

void OnAbort(int) {
  std::fprintf(stderr, "to repeat it: session_simulation 1 --seed=%llu --trace\n",
               static_cast<unsigned long long>(seed_of_run));
}

std::string RandomBytes(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(50 + random() % 1'500, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// Hash tables are walked in an order that depends on addresses: where these are random a seed does
// not do the same again. Starts the program again without it, where the system lets it.
void StopAddressRandomization(char** argv) {
  const int present = ::personality(0xffff'ffff);
  if (present == -1 || (present & ADDR_NO_RANDOMIZE) != 0) return;
  if (::personality(static_cast<unsigned long>(present) | ADDR_NO_RANDOMIZE) == -1) return;
  ::execv("/proc/self/exe", argv);
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t sequences = 5'000;
  uint64_t first = std::random_device{}();
  bool trace = false;
  std::string input;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.rfind("--seed=", 0) == 0) {
      first = std::strtoull(argument.substr(7).data(), nullptr, 10);
    } else if (argument.rfind("--input=", 0) == 0) {
      input = argument.substr(8);
    } else if (argument.rfind("--write=", 0) == 0) {
      std::ofstream(std::string(argument.substr(8)), std::ios::binary) << RandomBytes(first);
    } else if (argument == "--trace") {
      trace = true;
    } else {
      sequences = std::strtoull(argument.data(), nullptr, 10);
    }
  }
  StopAddressRandomization(argv);
  if (!input.empty()) {
    std::ifstream file(input, std::ios::binary);
    fuzz::RunSimulation(std::string{std::istreambuf_iterator<char>(file), {}}, trace);
    return 0;
  }
  std::signal(SIGABRT, OnAbort);
  size_t steps = 0;
  size_t publications = 0;
  size_t events = 0;
  for (uint64_t i = 0; i < sequences; ++i) {
    seed_of_run = first + i;
    const fuzz::SimulationResult result = fuzz::RunSimulation(RandomBytes(seed_of_run), trace);
    steps += result.steps;
    publications += result.publications;
    events += result.events;
  }
  std::printf("%llu sequences from seed %llu: %zu steps, %zu publications, %zu events given\n",
              static_cast<unsigned long long>(sequences), static_cast<unsigned long long>(first),
              steps, publications, events);
  return 0;
}
