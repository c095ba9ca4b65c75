#include <gtest/gtest.h>

#include "ws_edge/net/http_upgrade.h"

namespace edge {
namespace {

TEST(OriginTest, WhoMayConnect) {
  struct Row {
    const char* origin;
    const char* host;
    bool allowed;
  };
  const std::vector<std::string> listed = {"https://friend.example"};
  const Row rows[] = {
      {"", "a.example:1234", true},
      {"http://a.example", "a.example:1234", true},
      {"https://A.Example:8443", "a.example:1234", true},
      {"http://b.example", "a.example:1234", false},
      {"http://a.example.evil", "a.example:1234", false},
      {"http://evil/a.example", "a.example:1234", false},
      {"http://sub.a.example", "a.example", false},
      {"http://localhost:3000", "127.0.0.1:1234", true},
      {"http://[::1]:3000", "localhost:1234", true},
      {"http://127.0.0.1", "a.example:1234", false},
      {"null", "a.example", false},
      {"null", "null", false},
      {"http://", "a.example", false},
      {"https://friend.example", "a.example", true},
      {"http://friend.example", "a.example", false},
      {"https://friend.example.evil", "a.example", false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(OriginAllowed(row.origin, row.host, listed), row.allowed)
        << row.origin << " to " << row.host;
  }
  EXPECT_TRUE(OriginAllowed("null", "a.example", {"*"}));
}

}  // namespace
}  // namespace edge
