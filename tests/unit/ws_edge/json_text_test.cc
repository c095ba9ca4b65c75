#include "ws_edge/protocol/json_text.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

#include "channel_service/base/json_names.h"

namespace edge {
namespace {

TEST(JsonTextTest, FindsAMemberAsItIsWritten) {
  EXPECT_EQ(FindMember(R"({"a":1})", "a"), "1");
  EXPECT_EQ(FindMember(R"( { "a" : "x\"}" , "b" : [1, {"c":2}] } )", "b"), R"([1, {"c":2}])");
  EXPECT_EQ(FindMember(R"({"b":{"a":1},"a":2})", "a"), "2");
  EXPECT_EQ(FindMember(R"({"a\\":1,"a":2})", "a"), "2");
  EXPECT_EQ(FindMember(R"({"\\":0,"\u0061":3})", "a"), "3");
  EXPECT_EQ(FindMember(R"({"x":"\\","y\"":"\\\"","a":"\\\\"})", "a"), R"("\\\\")");
  EXPECT_EQ(FindMember("{}", "a"), "");
  EXPECT_EQ(FindMember(R"({"b":1})", "a"), "");
}

boost::json::value RandomValue(std::mt19937_64& random, int depth) {
  switch (random() % (depth > 3 ? 4 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return static_cast<int64_t>(random());
    case 2:
      return random() % 2 == 0;
    case 3: {
      boost::json::string text;
      for (size_t i = random() % 8; i > 0; --i) text.push_back("\"\\{}[],: a\n"[random() % 11]);
      return text;
    }
    case 4: {
      boost::json::array array;
      for (size_t i = random() % 4; i > 0; --i) array.push_back(RandomValue(random, depth + 1));
      return array;
    }
    default: {
      boost::json::object object;
      for (size_t i = random() % 4; i > 0; --i) {
        object[std::string(1, "ab\"\\"[random() % 4])] = RandomValue(random, depth + 1);
      }
      return object;
    }
  }
}

TEST(JsonTextTest, CompactTextOfAMemberHasTheMembersValue) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 3000; ++i) {
    const boost::json::value value = RandomValue(random, 0);
    boost::json::object object;
    object["before"] = RandomValue(random, 0);
    object["message"] = value;
    object["after"] = RandomValue(random, 0);
    const std::string json = boost::json::serialize(object);
    const std::string text = CompactJson(FindMember(json, "message"));
    ASSERT_EQ(text, boost::json::serialize(value)) << json;
    ASSERT_FALSE(channel::HasNameTwice(object, json)) << json;
    ASSERT_EQ(FindNameTwice(json), std::nullopt) << json;
  }
}

}  // namespace
}  // namespace edge
