#include "tests/support/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace support {
namespace {

constexpr int kExecFailed = 127;

// Between fork and exec only calls that are safe after fork in a process with threads
// (signal-safety(7)).
[[noreturn]] void RunChild(const ProcessOptions& options, char* const* argv, int stderr_fd,
                           pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kExecFailed);
  if (options.descriptors_max) {
    const rlimit limit{*options.descriptors_max, *options.descriptors_max};
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int null_fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null_fd, STDIN_FILENO);
  ::dup2(stderr_fd, STDOUT_FILENO);
  ::dup2(stderr_fd, STDERR_FILENO);
  // A connection of the test that a child holds too would not end when the test closes it.
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execv(argv[0], argv);
  ::_exit(kExecFailed);
}

bool HasSanitizerReport(const std::string& text) {
  for (const char* mark : {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer",
                           "runtime error:", "WARNING: ThreadSanitizer"}) {
    if (text.find(mark) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

Process::Process(ProcessOptions options) : options_(std::move(options)) {
  std::string path =
      (std::filesystem::temp_directory_path() / "channel-test-stderr-XXXXXX").string();
  const int stderr_fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (stderr_fd < 0) throw TestFailure(path + ": " + std::strerror(errno));
  stderr_path_ = path;

  std::vector<char*> argv{options_.program.data()};
  for (std::string& argument : options_.arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) RunChild(options_, argv.data(), stderr_fd, parent);
  const int error = errno;
  ::close(stderr_fd);
  if (pid_ < 0) throw TestFailure(std::string("fork: ") + std::strerror(error));
  ::setpgid(pid_, pid_);  // both sides set it, so that a signal to the group never comes too early
}

Process::~Process() {
  if (Running()) {
    Kill();
  } else if (!exit_expected_) {
    ADD_FAILURE() << options_.program << " (pid " << pid_ << ") died by itself, exit code "
                  << exit_code_.value_or(-1);
  }
  if (HasSanitizerReport(StderrText())) ADD_FAILURE() << options_.program << ": sanitizer report";
  ReportOutput();
  std::error_code ignored;
  std::filesystem::remove(stderr_path_, ignored);
}

bool Process::Reap(int flags) {
  if (exit_code_) return true;
  int status = 0;
  const pid_t reaped = ::waitpid(pid_, &status, flags);
  if (reaped != pid_) return false;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool Process::Running() { return !Reap(WNOHANG); }

void Process::Signal(int signal) {
  if (!Running()) return;
  if (signal == SIGTERM) exit_expected_ = stop_sent_ = true;
  ::kill(pid_, signal);
}

std::optional<int> Process::WaitForExit(Duration wait) {
  exit_expected_ = true;
  WaitUntil([this] { return Reap(WNOHANG); }, wait);
  return exit_code_;
}

void Process::Kill() {
  exit_expected_ = true;
  if (exit_code_) return;
  ::kill(-pid_, SIGKILL);
  Reap(0);
}

void Process::Stop(Duration wait) {
  if (!stop_sent_) {
    if (!Running()) return;  // killed, or died by itself, which the destructor reports
    Signal(SIGTERM);
  }
  const std::optional<int> code = WaitForExit(wait);
  if (!code) {
    ADD_FAILURE() << options_.program << " still runs " << wait.count() << " ms after SIGTERM";
    Kill();
  } else if (*code != 0) {
    ADD_FAILURE() << options_.program << " ended with " << *code << " after SIGTERM";
  }
}

std::string Process::StderrText() const {
  std::ifstream file(stderr_path_, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void Process::ReportOutput() {
  if (!::testing::Test::HasFailure()) return;
  constexpr std::size_t kShownBytesMax = 8'192;
  std::string text = StderrText();
  if (text.size() > kShownBytesMax) text = "…" + text.substr(text.size() - kShownBytesMax);
  std::cerr << "--- stderr of " << options_.program << " (pid " << pid_ << ")\n" << text << "---\n";
}

std::string BinaryPath(const std::string& name) {
  const char* folder = std::getenv("CHANNEL_BIN_DIR");
  if (folder == nullptr) throw TestFailure("CHANNEL_BIN_DIR is not set: where are the binaries?");
  const std::filesystem::path path = std::filesystem::absolute(folder) / name;
  if (!std::filesystem::exists(path)) throw TestFailure(path.string() + " does not exist");
  return path.string();
}

}  // namespace support
