// Commands that are refused, with the words that say what is wrong and what is allowed; beside each
// limit the last value that is taken. Golden transcripts show how a refusal goes over the wire.
#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

#include <string>
#include <vector>

#include "ws_edge/protocol/command.h"

namespace edge {
namespace {

using Strings = std::vector<std::string>;

const std::string kNotJson = "not valid JSON at byte";
const std::string kCommands = "allowed: add_group, leave_group, send_to_group";
const std::string kMoreCommands = kCommands + ", history, ping";
const std::string kGroupBytes = "allowed are 1 to 255";

std::string Quote(const std::string& text) { return '"' + text + '"'; }

std::string Repeat(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

// An array in an array, and so on.
std::string Nested(size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

// {"id":7,"cmd":…,"group_id":"g", and these fields}
std::string CommandWith(const std::string& cmd, const std::string& fields) {
  return fmt::format(R"({{"id":7,"cmd":"{}","group_id":"g",{}}})", cmd, fields);
}

std::string Join(const std::string& fields) { return CommandWith("add_group", fields); }
std::string Send(const std::string& fields) { return CommandWith("send_to_group", fields); }
std::string History(const std::string& fields) { return CommandWith("history", fields); }

// A join of this group, which is JSON.
std::string JoinOf(const std::string& group) {
  return fmt::format(R"({{"id":7,"cmd":"add_group","group_id":{}}})", group);
}

class CommandRefusals : public ::testing::Test {
 protected:
  // `words` are in the refusal. `id` can be told, as JSON; empty: it cannot.
  static void ExpectRefused(Dialect dialect, const std::string& frame, const std::string& words,
                            const std::string& id, ErrorCode code = ErrorCode::kBadRequest) {
    SCOPED_TRACE(frame.substr(0, 200));
    Command command;
    CommandError error;
    EXPECT_FALSE(ParseCommand(dialect, frame, &command, &error));
    EXPECT_EQ(error.code, code);
    EXPECT_NE(error.message.find(words), std::string::npos) << error.message;
    EXPECT_EQ(command.id, dialect == Dialect::kPlain ? "" : id);
  }
  static void ExpectRefused(const std::string& frame, const std::string& words) {
    ExpectRefused(Dialect::kEnveloped, frame, words, "7");
  }
  // In both dialects alike.
  static void ExpectRefusedByBoth(const Strings& frames, const std::string& words,
                                  const std::string& id = "") {
    for (const std::string& frame : frames) {
      for (const Dialect dialect : {Dialect::kPlain, Dialect::kEnveloped}) {
        ExpectRefused(dialect, frame, words, id);
      }
    }
  }
  static void ExpectTaken(const std::string& frame, Dialect dialect = Dialect::kEnveloped) {
    Command command;
    CommandError error;
    EXPECT_TRUE(ParseCommand(dialect, frame, &command, &error))
        << error.message << ": " << frame.substr(0, 200);
  }
};

TEST_F(CommandRefusals, WhatIsNotJson) {
  const Strings frames = {
      "",
      "   ",
      "hello",
      R"({"id":7,"cmd":"ping")",
      R"({"cmd":"add_gr)",
      JoinOf("1") + JoinOf("2"),
      R"({"cmd":"add_group","group_id":"1",})",
      "{'cmd':'add_group','group_id':'1'}",
      R"({"cmd":"add_group",/* x */"group_id":"1"})",
      "\xef\xbb\xbf" + JoinOf("1"),
      JoinOf("\"a\nb\""),
      JoinOf(std::string("\"a\0b\"", 5)),
      JoinOf(R"("\q")"),
      JoinOf(R"("\u12")"),
      JoinOf("01"),
      Send(R"("message":NaN)"),
      JoinOf(R"("\ud800")"),
      Send(R"("message":"\udc00")"),
      Send(R"("message":"\udc00\ud800")"),
  };
  ExpectRefusedByBoth(frames, kNotJson);
}

TEST_F(CommandRefusals, WhatIsNestedTooDeeply) {
  const auto send = [](size_t levels) { return Send(R"("message":)" + Nested(levels)); };
  ExpectTaken(send(31));
  ExpectRefusedByBoth(
      {send(32), send(10'000), R"({"cmd":)" + std::string(60'000, '['), Repeat(R"({"a":)", 10'000)},
      kNotJson);
}

TEST_F(CommandRefusals, WhatIsNoObject) {
  ExpectRefusedByBoth({"[]", "[" + JoinOf("1") + "]", R"("add_group")", "42", "null", "true"},
                      "must hold a JSON object");
}

TEST_F(CommandRefusals, WhatIsNoCommand) {
  ExpectRefusedByBoth({"{}"}, "cmd is missing; " + kCommands);
  ExpectRefusedByBoth({R"({"id":7,"group_id":"1"})"}, "cmd is missing; " + kCommands, "7");
  for (const char* cmd : {"1", "null", "{}"}) {
    ExpectRefusedByBoth({fmt::format(R"({{"id":7,"cmd":{}}})", cmd)}, "not a string; " + kCommands,
                        "7");
  }
  const Strings unknown = {"drop", "", "ADD_GROUP", "ping\\u0000", std::string(5'000, 'c')};
  for (const std::string& cmd : unknown) {
    const std::string frame = fmt::format(R"({{"id":"x","cmd":"{}","group_id":"1"}})", cmd);
    const ErrorCode code = ErrorCode::kUnknownCommand;
    ExpectRefused(Dialect::kPlain, frame, kCommands, "", code);
    ExpectRefused(Dialect::kEnveloped, frame, kMoreCommands, R"("x")", code);
  }
  ExpectTaken(R"({"cmd":"leave_group","group_id":"1","color":"red","x":[{}]})", Dialect::kPlain);
}

TEST_F(CommandRefusals, GroupsThatAreNone) {
  for (const char* cmd : {"add_group", "leave_group", "send_to_group"}) {
    ExpectRefusedByBoth({fmt::format(R"({{"id":7,"cmd":"{}","message":"x"}})", cmd)},
                        "group_id is missing; it is a string of 1 to 255 bytes or an integer", "7");
  }
  ExpectRefusedByBoth({JoinOf("null"), JoinOf("true"), JoinOf("[1]"), JoinOf("{}")},
                      "must be a string or an integer", "7");
  ExpectRefusedByBoth({JoinOf("1.5"), JoinOf("1.0"), JoinOf("1e3"), JoinOf("18446744073709551616"),
                       JoinOf("-9223372036854775809"), JoinOf(std::string(300, '9'))},
                      "not an integer of 64 bits", "7");
  ExpectTaken(JoinOf(Quote(std::string(255, 'g'))));
  ExpectTaken(JoinOf(R"("a\u0000b")"));
  // 128 characters, 256 bytes: the limit counts bytes.
  ExpectRefusedByBoth({JoinOf(R"("")"), JoinOf(Quote(std::string(256, 'g'))),
                       JoinOf(Quote(Repeat("\xc5\x9f", 128)))},
                      kGroupBytes, "7");
  ExpectRefusedByBoth({R"({"id":7,"cmd":"send_to_group","group_id":"1"})"},
                      "message is missing; it may be any JSON value", "7");
}

TEST_F(CommandRefusals, IdsThatAreNone) {
  const auto ping = [](const std::string& id) { return R"({"cmd":"ping","id":)" + id + "}"; };
  const Strings bad = {"true", "1.5", "1.0", "1e3", "[1]", "{}", R"("")",
                       // The limit counts bytes.
                       Quote(std::string(65, 'i')), Quote(Repeat("\xc5\x9f", 33)),
                       "18446744073709551616", "-9223372036854775809", std::string(300, '9')};
  for (const std::string& id : bad) {
    ExpectRefused(Dialect::kEnveloped, ping(id),
                  "id must be an integer of 64 bits or a string of 1 to 64 bytes", "");
  }
  const Strings good = {"null", R"("a\u0000b")", Quote(std::string(64, 'i')),
                        Quote(Repeat("\xc5\x9f", 32))};
  for (const std::string& id : good) ExpectTaken(ping(id));
  for (const char* without : {"", R"("id":null,)"}) {
    const std::string frame = fmt::format(R"({{{}"cmd":"history","group_id":"1"}})", without);
    ExpectRefused(Dialect::kEnveloped, frame, "history needs an id", "");
  }
}

TEST_F(CommandRefusals, PositionsThatAreNone) {
  const Strings bad = {"true",
                       "41",
                       R"("k3:41")",
                       R"(["k3",41])",
                       "{}",
                       R"({"epoch":"k3"})",
                       R"({"offset":41})",
                       R"({"epoch":3,"offset":41})",
                       R"({"epoch":null,"offset":41})",
                       R"({"epoch":"","offset":41})",
                       fmt::format(R"({{"epoch":"{}","offset":41}})", std::string(33, 'e')),
                       R"({"epoch":"k-3","offset":41})",
                       R"({"epoch":"k 3","offset":41})",
                       R"({"epoch":"kü","offset":41})",
                       R"({"epoch":"k\u0000","offset":41})",
                       R"({"epoch":"k3","offset":-1})",
                       R"({"epoch":"k3","offset":41.5})",
                       R"({"epoch":"k3","offset":41.0})",
                       R"({"epoch":"k3","offset":18446744073709551616})",
                       R"({"epoch":"k3","offset":"41"})",
                       R"({"epoch":"k3","offset":null})",
                       R"({"last":5,"offset":41})"};
  for (const std::string& since : bad) {
    const std::string words =
        R"(since must be {"epoch": a string of 1 to 32 letters and digits, "offset": an )"
        "integer of at least 0}";
    ExpectRefused(Join(R"("since":)" + since), words);
    ExpectRefused(History(R"("since":)" + since), words);
  }
  ExpectTaken(Join(R"("since":null)"));
  const std::string both = R"("last":5,"since":{"epoch":"k3","offset":1})";
  ExpectRefused(Join(both), "exclude each other");
  ExpectRefused(History(both), "exclude each other");
}

TEST_F(CommandRefusals, CountsThatAreNone) {
  const std::string last = "last must be an integer from 1 to 1000";
  const Strings bad = {"0",
                       "-1",
                       R"("50")",
                       "1.5",
                       "1e2",
                       "true",
                       "[50]",
                       "18446744073709551616",
                       "9223372036854775808"};
  for (const std::string& count : bad) {
    ExpectRefused(Join(R"("last":)" + count), last);
    ExpectRefused(Join(R"("since":{"last":)" + count + "}"), last);
    ExpectRefused(History(R"("last":)" + count), last);
    ExpectRefused(History(R"("limit":)" + count), "limit must be an integer of at least 1");
  }
  for (const char* past : {"1001", "4294967297", "9223372036854775807"}) {
    ExpectRefused(Join(std::string(R"("last":)") + past), last);
  }
  ExpectTaken(Join(R"("last":1000)"));
  ExpectTaken(History(R"("limit":1001)"));  // it is cut, and the answer says that there is more
}

TEST_F(CommandRefusals, KeysThatAreNone) {
  const auto send = [](const std::string& key) { return Send(R"("message":1,"key":)" + key); };
  const Strings bad = {R"("")",
                       "17",
                       "true",
                       "[]",
                       "{}",
                       Quote(std::string(129, 'k')),
                       Quote(Repeat("\xc5\x9f", 65))};
  for (const std::string& key : bad) {
    ExpectRefused(send(key), "key must be a string of 1 to 128 bytes");
  }
  for (const std::string& key : {Quote(std::string(128, 'k')), std::string(R"("a\u0000b")")}) {
    ExpectTaken(send(key));
  }
}

TEST_F(CommandRefusals, BytesThatAreNotBase64) {
  const Strings bad = {"5",
                       "[0,255]",
                       R"("!")",
                       R"("AP8")",       // no padding
                       R"("AP8Q=")",     // too much of it
                       R"("A")",         // half a byte
                       R"("AP 8Q")",     // a space
                       R"("AP8Q\n")",    // a line break
                       R"("AP8R_-__")",  // base64url
                       R"("AB==")",      // bits that no byte has
                       R"("=AP8")",
                       R"("ş")"};
  for (const std::string& data : bad) {
    ExpectRefused(Send(R"("data":)" + data), "data must be a string of base64 with padding");
  }
  for (const char* message : {"null", R"("m")"}) {
    ExpectRefused(Send(std::string(R"("data":"AAAA","message":)") + message),
                  "message and data exclude each other; data is for bytes");
  }
  ExpectRefused(Dialect::kPlain, Send(R"("data":"AAAA")"), "message is missing", "");
}

}  // namespace
}  // namespace edge
