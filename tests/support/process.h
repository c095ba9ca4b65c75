#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/deadline.h"

namespace support {

struct ProcessOptions {
  std::string program;                 // path of the binary
  std::vector<std::string> arguments;  // without argv[0]
  // RLIMIT_NOFILE of the child; none = that of the test.
  std::optional<std::uint64_t> descriptors_max;
};

// A real binary as a child of the test, in a process group of its own. The kernel kills it when the
// thread that started it ends (PR_SET_PDEATHSIG): start it from the test's main thread.
// Its stderr goes to a temporary file. The destructor kills what still runs, and fails the test if
// the process had died by itself or if a sanitizer reported something; stderr is shown if the test
// failed.
class Process {
 public:
  explicit Process(ProcessOptions options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool Running();
  void Signal(int signal);

  // Exit code, or 128 + signal; nothing if the process still runs when `wait` has passed.
  std::optional<int> WaitForExit(Duration wait = kPatience);

  // kill -9 of the whole group, and reaps it.
  void Kill();

  // SIGTERM, if it was not sent yet; kill -9 and a failure of the test if the process does not end
  // with exit code 0 within `wait`. Nothing if it had been killed.
  void Stop(Duration wait = kPatience);

  std::string StderrText() const;

 private:
  bool Reap(int flags);
  void ReportOutput();

  ProcessOptions options_;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
  bool exit_expected_ = false;
  bool stop_sent_ = false;
  std::string stderr_path_;
};

// The folder of the binaries under test: CHANNEL_BIN_DIR.
std::string BinaryPath(const std::string& name);

}  // namespace support
