// A channel_service without edges, one for all tests of a suite, and a fresh gRPC channel for each
// test.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/deployment.h"
#include "tests/support/service_client.h"

class ServiceTest : public ::testing::Test {
 protected:
  // For SetUpTestSuite of the suite.
  static void StartService(std::vector<std::string> flags = {}) {
    support::DeploymentOptions options;
    options.edges = 0;
    options.service_flags = std::move(flags);
    deployment_ = new support::Deployment(options);
  }
  // History of so many publications, also in the first moments of the epoch.
  static std::vector<std::string> HistoryFlags(int publications_max) {
    return {"--history_publications_max=" + std::to_string(publications_max),
            "--new_epoch_grace=0s"};
  }
  static void TearDownTestSuite() { delete std::exchange(deployment_, nullptr); }

  void SetUp() override {
    ASSERT_NE(deployment_, nullptr) << "the deployment did not start";
    service_ = std::make_unique<support::ServiceClient>(deployment_->service_port());
  }

  static support::Deployment& deployment() { return *deployment_; }
  support::ServiceClient& service() { return *service_; }

  // Offsets of `count` publications "0", "1", … of this group.
  std::vector<std::uint64_t> PublishMany(const std::string& group, int count) {
    std::vector<std::uint64_t> offsets;
    for (int i = 0; i < count; ++i) {
      offsets.push_back(service().MustPublish(group, std::to_string(i)));
    }
    return offsets;
  }

 private:
  static inline support::Deployment* deployment_ = nullptr;
  std::unique_ptr<support::ServiceClient> service_;
};
