// The disk of the log is full: who publishes is told so, and nothing that was acknowledged is lost.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/faults/scenario.h"

namespace faults {
namespace {

using support::Clock;
using support::Duration;

constexpr int kNodes = 2;
constexpr std::size_t kClients = 40;
constexpr std::size_t kGroups = 10;
constexpr std::uint32_t kSendingClients = 4;
constexpr double kPerSecond = 40;  // of each
constexpr std::size_t kBodyBytes = 1'000;
constexpr std::size_t kEnough = 300;
constexpr std::size_t kDiskBytes = 48 << 20;
// The service waits for the log, then gives up; what it says has to come, too.
constexpr Duration kErrorWithin{10'000};
constexpr Duration kUnreadyWithin{10'000};

// A disk of its own for a folder, which nobody but this thread's children sees. Needs root.
class SmallDisk {
 public:
  // Why there cannot be one here, in words; empty if there can be: then mounts of this thread are
  // its own from here on.
  static std::string WhyNot() {
    if (::unshare(CLONE_NEWNS) == 0 &&
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) {
      return "";
    }
    return std::string("no mounts of our own: ") + std::strerror(errno);
  }

  explicit SmallDisk(const std::string& folder) : folder_(folder) {
    std::filesystem::create_directories(folder);
    const std::string size = "size=" + std::to_string(kDiskBytes);
    if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, size.c_str()) != 0) {
      throw support::TestFailure("mount: " + std::string(std::strerror(errno)));
    }
  }
  ~SmallDisk() { ::umount2(folder_.c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // Until not one more byte goes in.
  void Fill() const {
    const int file = ::open(filler().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string block(4096, 'x');
    while (::write(file, block.data(), block.size()) > 0) continue;
    EXPECT_EQ(errno, ENOSPC);
    ::close(file);
  }
  void Free() const { std::filesystem::remove(filler()); }

 private:
  std::string filler() const { return folder_ + "/filler"; }

  const std::string folder_;
};

class DiskFull : public Scenario {
 protected:
  ~DiskFull() override { End(); }

  void SetUp() override {
    if (const std::string why_not = SmallDisk::WhyNot(); !why_not.empty()) {
      std::cout << "NOT RUN: " << why_not << std::endl;
      GTEST_SKIP() << why_not;
    }
    nats_ = std::make_unique<support::NatsServer>();
    nats_->Kill();
    nats_->RemoveData();
    disk_ = std::make_unique<SmallDisk>(nats_->data_folder());
    nats_->Start();
    support::DeploymentOptions options;
    options.services = kNodes;
    options.edges = kNodes;
    options.service_flags = {"--engine=nats", "--nats_url=" + nats_->url(),
                             "--history_publications_max=4000"};
    Deploy(std::move(options));
    AddClients(kClients, groups_, 2);
    swarm().AwaitJoined();
    StartSending(kSendingClients, groups_, kPerSecond, kBodyBytes);
    AwaitAcknowledged(kEnough);
  }

  // All nodes are ready, or none is.
  void AwaitReadiness(bool ready, Duration wait) {
    support::Await(
        ready ? "all nodes are ready" : "no node is ready",
        [&] {
          for (support::Node& node : deployment().services()) {
            if ((node.Readiness() == 200) != ready) return false;
          }
          return true;
        },
        wait);
  }

  support::NatsServer& nats() { return *nats_; }
  const SmallDisk& disk() const { return *disk_; }

 private:
  const std::vector<std::string> groups_ = GroupNames(kGroups);
  std::unique_ptr<support::NatsServer> nats_;
  std::unique_ptr<SmallDisk> disk_;
};

TEST_F(DiskFull, PublishersAreToldInTimeAndNothingAcknowledgedIsLost) {
  disk().Fill();
  AwaitReadiness(false, kUnreadyWithin);
  for (int node = 1; node <= kNodes; ++node) {
    support::ServiceClient client(deployment().service_port(node));
    const Clock::time_point asked = Clock::now();
    const auto answer = client.Publish("full", std::string(kBodyBytes, 'x'));
    const auto took = std::chrono::duration_cast<Duration>(Clock::now() - asked);
    std::cout << "faults: node " << node << " gives up a publication after " << took.count()
              << " ms: " << answer.status.error_message() << std::endl;
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_LT(took, kErrorWithin);
  }
  const std::size_t acknowledged = swarm().publications().acknowledged();
  RunFor(Duration(500));
  EXPECT_EQ(swarm().publications().acknowledged(), acknowledged) << "acknowledged on a full disk";
  // As an operator would: space, and the server anew (2.9.10 does not get over it by itself).
  disk().Free();
  nats().Kill();
  nats().Start();
  AwaitReadiness(true, std::chrono::seconds(30));
  AwaitAcknowledged(kEnough);
  const Verdict verdict = Finish();
  EXPECT_EQ(verdict.gaps, 0u);
  EXPECT_GT(verdict.acknowledged, kEnough);
}

}  // namespace
}  // namespace faults
