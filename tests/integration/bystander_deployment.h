// A deployment with a member of a group that must notice nothing of what a test does to the edge.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/integration/shared_deployment.h"
#include "tests/support/web_socket_client.h"

class BystanderDeployment : public SharedDeployment {
 protected:
  static void TearDownTestSuite() {
    bystander_.reset();
    SharedDeployment::TearDownTestSuite();
  }

  // Frames that a failed test left unread must not fail the tests after it.
  void TearDown() override {
    if (HasFailure()) StartBystander();
  }

  // After Deploy.
  static void StartBystander() {
    bystander_.emplace(Port());
    bystander_->JoinAndWait(kBystanderGroup);
  }

  // A publication of now, from a back end.
  void ExpectBystanderUnharmed() {
    static int count = 0;
    const std::string fresh = "fresh " + std::to_string(++count);
    service().MustPublish(kBystanderGroup, fresh);
    EXPECT_EQ(bystander_->ReadMessage(), fresh);
  }

 private:
  static constexpr const char* kBystanderGroup = "bystander";
  static inline std::optional<support::WebSocketClient> bystander_;
};
