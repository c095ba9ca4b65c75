// The wall clock of a machine is set while the service runs: what it holds and remembers is as old
// as before. The real binary under libfaketime, which leaves its steady clock alone.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "tests/integration/service_test.h"

namespace {

namespace fs = std::filesystem;

// In Debian the folder before it names the machine's architecture.
std::string FindLibrary() {
  std::vector<fs::path> folders = {"/usr/lib64", "/usr/lib", "/usr/local/lib"};
  for (const fs::directory_entry& folder : fs::directory_iterator("/usr/lib")) {
    folders.push_back(folder.path());
  }
  for (const fs::path& folder : folders) {
    const fs::path library = folder / "faketime/libfaketimeMT.so.1";
    std::error_code ignored;
    if (fs::exists(library, ignored)) return library;
  }
  throw support::TestFailure("libfaketime is not installed: deploy/install_deps.sh --tests");
}

// A service with AddressSanitizer starts behind another preloaded library only if it is told not to
// check that. Other programs do not read this.
void LetSanitizedServicesStart() {
  const char* given = std::getenv("ASAN_OPTIONS");
  const std::string options = given == nullptr ? "" : std::string(given) + ':';
  ::setenv("ASAN_OPTIONS", (options + "verify_asan_link_order=0").c_str(), 1);
}

// A service whose wall clock the test sets.
class WallClock : public ::testing::Test {
 protected:
  WallClock() {
    Set(0);
    LetSanitizedServicesStart();
    // For the child only: it reads them when it starts.
    const std::vector<std::pair<const char*, std::string>> variables = {
        {"LD_PRELOAD", FindLibrary()},
        {"FAKETIME_TIMESTAMP_FILE", offset_file_},
        {"FAKETIME_NO_CACHE", "1"},
        {"DONT_FAKE_MONOTONIC", "1"}};
    for (const auto& [name, value] : variables) ::setenv(name, value.c_str(), 1);
    support::DeploymentOptions options;
    options.edges = 0;
    deployment_.emplace(options);
    for (const auto& [name, value] : variables) ::unsetenv(name);
    client_.emplace(deployment_->service_port());
  }
  ~WallClock() override {
    deployment_.reset();
    fs::remove(offset_file_);
  }

  void Set(int offset_seconds) {
    std::ofstream(offset_file_ + ".new")
        << (offset_seconds < 0 ? "" : "+") << offset_seconds << '\n';
    fs::rename(offset_file_ + ".new", offset_file_);
  }

  support::ServiceClient& client() { return *client_; }

  std::vector<std::string> Held(const std::string& group) {
    channel::v1::HistoryRequest request;
    request.set_group_id(group);
    std::vector<std::string> messages;
    const auto answer = client().History(request);
    for (const auto& publication : answer.response.publications()) {
      messages.push_back(publication.message());
    }
    return messages;
  }

  // The time of a new publication, less the test's own.
  std::int64_t SecondsAhead() {
    channel::v1::HistoryRequest request;
    request.set_group_id("clock");
    request.set_last(1);
    client().MustPublish("clock", "what time is it?");
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    return (client().History(request).response.publications(0).time_unix_ms() - now) / 1000;
  }

  // The gauge is set behind each tick's work, and changes with what was published before.
  void AwaitTick() {
    const auto held = [&] {
      return deployment_->service().Metric("channel_service_history_bytes");
    };
    const double before = held();
    client().MustPublish("clock", "tick");
    support::Await("a tick", [&] { return held() != before; });
  }

 private:
  const std::string offset_file_ =
      ::testing::TempDir() + "wall-clock-" + std::to_string(::getpid());
  std::optional<support::Deployment> deployment_;
  std::optional<support::ServiceClient> client_;
};

TEST_F(WallClock, StepsOfAnHourDropNothingAndForgetNoKey) {
  std::vector<std::string> sent;
  for (const int offset : {0, 3600, -3600, 0}) {
    Set(offset);
    EXPECT_NEAR(static_cast<double>(SecondsAhead()), offset, 600) << "libfaketime works";
    AwaitTick();
    AwaitTick();
    EXPECT_EQ(Held("g"), sent) << "the clock is " << offset << " s ahead";
    sent.push_back(std::to_string(offset) + " s ahead");
    client().MustPublish("g", sent.back());
    const auto keyed = client().Publish("keys", "body", "key");
    EXPECT_EQ(keyed.response.duplicate(), sent.size() > 1)
        << "the clock is " << offset << " s ahead";
  }
}

}  // namespace
