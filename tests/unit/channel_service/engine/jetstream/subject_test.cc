#include "channel_service/engine/jetstream/subject.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>

namespace channel {
namespace {

TEST(SubjectToken, EveryGroupIdHasOneOfItsOwnThatGivesItBack) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::map<std::string, std::string> group_by_token;
  for (int i = 0; i < 20'000; ++i) {
    // Few different bytes, so that many group ids nearly make the same token.
    constexpr std::string_view kBytes("a=.2ED*> \0-_Z", 13);
    const bool any = i % 2 == 0;
    std::string group_id(1 + random() % (any ? 255 : 4), '\0');
    for (char& c : group_id) {
      c = any ? static_cast<char>(random()) : kBytes[random() % kBytes.size()];
    }
    const std::string token = ToToken(group_id);
    EXPECT_EQ(token.find_first_of(std::string_view("\0 .*>\t\r\n", 8)), std::string::npos);
    EXPECT_EQ(FromToken(token), group_id);
    const auto known = group_by_token.emplace(token, group_id).first;
    EXPECT_EQ(known->second, group_id) << token;
  }
}

TEST(SubjectToken, WhatNoGroupIdHasIsRefused) {
  for (const char* text : {"", "=", "=2", "a=2", "=2e", "=G0", "=0G", "a.b", "*", ">", "a b",
                           "==", "=61", "=2D", "=5F", "ı", "=2E=", "=2E=4"}) {
    EXPECT_EQ(FromToken(text), std::nullopt) << text;
  }
  // Whatever is taken is the token of what it gives.
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    constexpr std::string_view kBytes = "a=026EFf-.";
    std::string text(random() % 8, '\0');
    for (char& c : text) c = kBytes[random() % kBytes.size()];
    const auto group_id = FromToken(text);
    if (!group_id.has_value()) continue;
    EXPECT_EQ(ToToken(*group_id), text);
  }
}

}  // namespace
}  // namespace channel
