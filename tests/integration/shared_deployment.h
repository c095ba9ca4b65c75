// The fixture of tests that share a deployment: one for each suite, kept for all its tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/deployment.h"
#include "tests/support/service_client.h"
#include "tests/support/web_socket_client.h"

class SharedDeployment : public ::testing::Test {
 protected:
  // For SetUpTestSuite of the suite.
  static void Deploy(const support::DeploymentOptions& options) {
    deployment_ = std::make_unique<support::Deployment>(options);
  }
  static void DeployWithEdges(std::vector<std::string> edge_flags) {
    support::DeploymentOptions options;
    options.edge_flags = std::move(edge_flags);
    Deploy(options);
  }
  static void DeployService(std::vector<std::string> service_flags) {
    support::DeploymentOptions options;
    options.edges = 0;
    options.service_flags = std::move(service_flags);
    Deploy(options);
  }
  static void TearDownTestSuite() { deployment_.reset(); }

  void SetUp() override { ASSERT_NE(deployment_, nullptr) << "the deployment did not start"; }

  static support::Deployment& deployment() { return *deployment_; }
  // The port of the edges.
  static std::uint16_t Port() { return deployment_->edge_port(); }
  static support::WebSocketClient OnEdge(int number, const support::ConnectOptions& options = {}) {
    return support::WebSocketClient::OnEdge(Port(), deployment_->edge(number).name, options);
  }

  // A back end, with a connection of its own for each test.
  support::ServiceClient& service() {
    if (service_ == nullptr) Reconnect();
    return *service_;
  }
  void Reconnect() {
    service_ = std::make_unique<support::ServiceClient>(deployment_->service_port());
  }
  // Offsets of `count` publications "0", "1", … of this group.
  std::vector<std::uint64_t> PublishMany(const std::string& group, int count) {
    std::vector<std::uint64_t> offsets;
    for (int i = 0; i < count; ++i) {
      offsets.push_back(service().MustPublish(group, std::to_string(i)));
    }
    return offsets;
  }

 private:
  static inline std::unique_ptr<support::Deployment> deployment_;
  std::unique_ptr<support::ServiceClient> service_;
};
