#include "ws_edge/protocol/command.h"

#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

namespace edge {
namespace {

struct Parsed {
  bool ok = false;
  Command command;
  CommandError error;
};

Parsed Parse(std::string_view frame, Dialect dialect = Dialect::kPlain) {
  Parsed parsed;
  parsed.ok = ParseCommand(dialect, frame, &parsed.command, &parsed.error);
  return parsed;
}

TEST(CommandTest, TheSeedsCommandsAreUnderstood) {
  const Parsed join = Parse(R"({"cmd":"add_group", "group_id":"123"})");
  ASSERT_TRUE(join.ok);
  EXPECT_EQ(join.command.kind, CommandKind::kAddGroup);
  EXPECT_EQ(join.command.group_id, "123");
  const Parsed send =
      Parse(R"({"cmd":"send_to_group", "group_id":"123", "message":"Bu bir mesajdır"})");
  ASSERT_TRUE(send.ok);
  EXPECT_EQ(send.command.kind, CommandKind::kSendToGroup);
  EXPECT_EQ(send.command.message, "Bu bir mesajdır");
  EXPECT_EQ(Parse(R"({"cmd":"leave_group","group_id":"1"})").command.kind,
            CommandKind::kLeaveGroup);
}

TEST(CommandTest, AnIntegerGroupIsItsDecimalString) {
  for (const std::string id :
       {"123", "0", "-5", "9223372036854775807", "-9223372036854775808", "18446744073709551615"}) {
    EXPECT_EQ(Parse(R"({"cmd":"add_group","group_id":)" + id + "}").command.group_id, id);
  }
}

TEST(CommandTest, AMessageThatIsNoStringIsDeliveredAsItWasWrittenButCompact) {
  const auto message = [](const std::string& json) {
    return Parse(R"({"cmd":"send_to_group","group_id":"1","message":)" + json + "}")
        .command.message;
  };
  EXPECT_EQ(message("1.50"), "1.50");
  EXPECT_EQ(message("1e400"), "1e400");
  EXPECT_EQ(message(" { \"a b\" : [ 1 , \"x , y\" ] } "), R"({"a b":[1,"x , y"]})");
  EXPECT_EQ(message("null"), "null");
  EXPECT_EQ(message("true "), "true");
  EXPECT_EQ(message(R"("\u0041\n")"), "A\n");
}

TEST(CommandTest, ANameTwiceInOneObjectIsRefused) {
  struct Row {
    const char* frame;
    const char* name;
    const char* id;  // as it can be told
  };
  const Row rows[] = {
      {R"({"id":7,"cmd":"add_group","cmd":"leave_group","group_id":"1"})", "cmd", "7"},
      {R"({"cmd":"add_group","group_id":"1","group_id":"1","id":7})", "group_id", "7"},
      {R"({"id":7,"cmd":"send_to_group","group_id":"1","message":1,"message":[2]})", "message",
       "7"},
      {R"({"id":7,"id":8,"cmd":"ping"})", "id", ""},
      {R"({"id":7,"\u0069d":8,"cmd":"ping"})", "id", ""},
      {R"({"cmd":"ping","c\u006dd":"ping"})", "cmd", ""},
      {R"({"id":7,"cmd":"ping","x":1,"x":{"y":{"z":1}}})", "x", "7"},
      {R"({"id":7,"cmd":"ping","":1,"":1})", "", "7"},
      {R"({"id":7,"cmd":"send_to_group","group_id":"1","message":{"a":1,"a":2}})", "a", "7"},
      {R"({"id":7,"cmd":"send_to_group","group_id":"1","message":[[{"b":{"a":1,"\u0061":2}}]]})",
       "a", "7"},
      {R"({"id":7,"cmd":"add_group","group_id":"1","since":{"epoch":"e","offset":1,"offset":2}})",
       "offset", "7"},
  };
  for (const Row& row : rows) {
    for (const Dialect dialect : {Dialect::kPlain, Dialect::kEnveloped}) {
      const Parsed parsed = Parse(row.frame, dialect);
      EXPECT_FALSE(parsed.ok) << row.frame;
      EXPECT_EQ(parsed.error.code, ErrorCode::kBadRequest) << row.frame;
      EXPECT_EQ(parsed.error.message,
                fmt::format("the name '{}' stands twice in one object", row.name));
      EXPECT_EQ(parsed.command.id, dialect == Dialect::kPlain ? "" : row.id) << row.frame;
    }
  }
}

TEST(CommandTest, ANameMayStandInSeveralObjectsAndInTexts) {
  for (const char* message :
       {R"({"a":{"a":{"a":1}}})", R"([{"a":1},{"a":1}])", R"({"a":":","b":"a"})",
        R"({"a\"":1,"a":2})", R"("\":\":")", R"({"message":1,"cmd":2})"}) {
    EXPECT_TRUE(
        Parse(fmt::format(R"({{"cmd":"send_to_group","group_id":"1","message":{}}})", message)).ok)
        << message;
  }
}

// More names than the parser looks through one by one.
TEST(CommandTest, ANameTwiceAmongManyIsFound) {
  std::string frame = R"({"cmd":"send_to_group","group_id":"1","message":{)";
  for (int i = 0; i < 5000; ++i) frame += fmt::format(R"("n{}":{},)", i, i);
  EXPECT_TRUE(Parse(frame + R"("n5000":1}})").ok);
  EXPECT_EQ(Parse(frame + R"("n2500":1}})").error.message,
            "the name 'n2500' stands twice in one object");
}

TEST(CommandTest, AMemberNameWithEscapesIsTheSameName) {
  const Parsed parsed = Parse(R"({"cmd":"send_to_group","group_id":"1","\u006dessage":[1.50, 2]})");
  ASSERT_TRUE(parsed.ok);
  EXPECT_EQ(parsed.command.message, "[1.50,2]");
}

TEST(CommandTest, AnEchoedTextIsCutBetweenTwoCharacters) {
  for (const size_t before : {61, 62, 63, 64}) {
    const std::string name = std::string(before, 'x') + "ışık";
    const Parsed parsed = Parse(R"({"cmd":")" + name + R"(","group_id":"1"})");
    const std::string& said = parsed.error.message;
    const std::string echoed = said.substr(5, said.find("' is unknown") - 5);
    EXPECT_LE(echoed.size(), 64u);
    EXPECT_TRUE(name.starts_with(echoed));
    EXPECT_NE(static_cast<unsigned char>(name[echoed.size()]) & 0xc0, 0x80) << echoed;
  }
}

Parsed ParseEnveloped(std::string_view frame) { return Parse(frame, Dialect::kEnveloped); }

TEST(EnvelopedCommandTest, AnIdIsKeptAsItWasWritten) {
  EXPECT_EQ(ParseEnveloped(R"({"id":7,"cmd":"ping"})").command.id, "7");
  EXPECT_EQ(ParseEnveloped(R"({"id":"a\"b","cmd":"ping"})").command.id, R"("a\"b")");
  EXPECT_EQ(ParseEnveloped(R"({"cmd":"ping"})").command.id, "");
  EXPECT_EQ(Parse(R"({"id":7,"cmd":"leave_group","group_id":1})").command.id, "")
      << "the plain dialect answers nothing";
}

TEST(EnvelopedCommandTest, AJoinMayNameAPosition) {
  const Parsed since =
      ParseEnveloped(R"({"cmd":"add_group","group_id":1,"since":{"epoch":"k3","offset":41}})");
  ASSERT_TRUE(since.ok) << since.error.message;
  EXPECT_EQ(since.command.since->epoch, "k3");
  EXPECT_EQ(since.command.since->offset, 41u);
  EXPECT_EQ(ParseEnveloped(R"({"cmd":"add_group","group_id":1,"last":50})").command.last, 50u);
  EXPECT_EQ(ParseEnveloped(R"({"cmd":"add_group","group_id":1,"since":{"last":50}})").command.last,
            50u);
  EXPECT_EQ(ParseEnveloped(R"({"cmd":"add_group","group_id":1,"last":1000})").command.last, 1000u);
  EXPECT_FALSE(Parse(R"({"cmd":"add_group","group_id":1,"since":3})").command.since.has_value())
      << "an unknown field of the plain dialect";
}

TEST(EnvelopedCommandTest, ASendSaysWhatItsMessageIsAndMayHaveAKey) {
  const Parsed text =
      ParseEnveloped(R"({"cmd":"send_to_group","group_id":1,"message":"a","key":"s-17"})");
  EXPECT_EQ(text.command.message_kind, channel::BodyKind::kText);
  EXPECT_EQ(text.command.key, "s-17");
  const Parsed json = ParseEnveloped(R"({"cmd":"send_to_group","group_id":1,"message":[ 1, 2]})");
  EXPECT_EQ(json.command.message_kind, channel::BodyKind::kJson);
  EXPECT_EQ(json.command.message, "[1,2]");
}

TEST(EnvelopedCommandTest, BytesComeAsBase64) {
  const auto parse = [](const std::string& more) {
    return ParseEnveloped(R"({"cmd":"send_to_group","group_id":1,)" + more + "}");
  };
  const Parsed bytes = parse(R"("data":"AP8Q","key":"k")");
  ASSERT_TRUE(bytes.ok);
  EXPECT_EQ(bytes.command.message_kind, channel::BodyKind::kData);
  EXPECT_EQ(bytes.command.message, std::string("\x00\xff\x10", 3));
  EXPECT_EQ(bytes.command.key, "k");
  const Parsed none = parse(R"("data":"")");
  EXPECT_TRUE(none.ok);
  EXPECT_EQ(none.command.message_kind, channel::BodyKind::kData);
  EXPECT_EQ(none.command.message, "");
  EXPECT_EQ(parse(R"("data":null,"message":"text")").command.message, "text");
}

TEST(CommandTest, ThePlainDialectKnowsNoDataAndNoHistory) {
  EXPECT_EQ(
      Parse(R"({"cmd":"send_to_group","group_id":1,"message":"a","data":"!"})").command.message,
      "a");
  EXPECT_EQ(Parse(R"({"id":1,"cmd":"history","group_id":1})").error.code,
            ErrorCode::kUnknownCommand);
  EXPECT_EQ(ParseEnveloped(R"({"id":1,"cmd":"history","group_id":1,"limit":5})").command.limit, 5u);
}

}  // namespace
}  // namespace edge
