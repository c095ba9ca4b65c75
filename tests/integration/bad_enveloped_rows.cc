// Bad input of clients with envelopes: every field of every command.
#include "tests/integration/bad_input_rows.h"
#include "tests/support/web_socket_client.h"

namespace bad_input {
namespace {

using support::EncodeText;
using Rows = std::vector<EnvelopedRow>;

EnvelopedRow Refused(const std::string& name, const std::string& payload, const std::string& id,
                     const std::string& message_has, const std::string& code = "bad_request") {
  return {.name = name,
          .bytes = EncodeText(payload),
          .error_code = code,
          .id = id,
          .message_has = message_has};
}

EnvelopedRow Answered(const std::string& name, const std::string& payload,
                      const std::string& answer) {
  return {.name = name, .bytes = EncodeText(payload), .answer = answer};
}

// Nothing comes back: there is no id.
EnvelopedRow Accepted(const std::string& name, const std::string& payload) {
  return Answered(name, payload, "");
}

EnvelopedRow Closed(const std::string& name, const std::string& bytes, int code) {
  return {.name = name, .bytes = bytes, .close_code = code};
}

std::string Quote(const std::string& text) { return "\"" + text + "\""; }

// {"id":7,"cmd":…,"group_id":"nobody", and `more`}
std::string Command(const std::string& cmd, const std::string& more) {
  return R"({"id":7,"cmd":)" + Quote(cmd) + R"(,"group_id":"nobody",)" + more + "}";
}

std::string Repeat(const std::string& text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

void AddIds(Rows& rows) {
  const auto bad = [&](const std::string& name, const std::string& id) {
    rows.push_back(Refused("IdIs" + name, R"({"cmd":"ping","id":)" + id + "}", "",
                           "id must be an integer of 64 bits or a string of 1 to 64 bytes"));
  };
  bad("True", "true");
  bad("AFraction", "1.5");
  bad("AWholeFloat", "1.0");
  bad("AnExponent", "1e3");
  bad("AnArray", "[1]");
  bad("AnObject", "{}");
  bad("Empty", R"("")");
  bad("OneByteTooLong", Quote(std::string(65, 'i')));
  bad("TooLongInBytes", Quote(Repeat("\xc5\x9f", 33)));
  bad("AHugeInteger", "18446744073709551616");
  bad("AHugeNegativeInteger", "-9223372036854775809");
  bad("AnIntegerOf300Digits", std::string(300, '9'));

  const auto good = [&](const std::string& name, const std::string& id) {
    rows.push_back(Answered("IdIs" + name, R"({"cmd":"ping","id":)" + id + "}",
                            R"({"event":"pong","id":)" + id + "}"));
  };
  good("AtTheLimit", Quote(std::string(64, 'i')));
  good("AtTheLimitInBytes", Quote(Repeat("\xc5\x9f", 32)));
  good("ANul", R"("a\u0000b")");
  rows.push_back(Answered("IdIsNull", R"({"cmd":"ping","id":null})", R"({"event":"pong"})"));
}

// What add_group and history understand alike.
void AddSinces(Rows& rows) {
  const std::string words =
      R"(since must be {"epoch": a string of 1 to 32 letters and digits, "offset": an )"
      "integer of at least 0}";
  const auto bad = [&](const std::string& name, const std::string& since) {
    for (const std::string cmd : {"add_group", "history"}) {
      rows.push_back(Refused("SinceIs" + name + (cmd == "history" ? "InHistory" : ""),
                             Command(cmd, R"("since":)" + since), "7", words));
    }
  };
  bad("True", "true");
  bad("ANumber", "41");
  bad("AString", R"("k3:41")");
  bad("AnArray", R"(["k3",41])");
  bad("Empty", "{}");
  bad("WithoutOffset", R"({"epoch":"k3"})");
  bad("WithoutEpoch", R"({"offset":41})");
  bad("OfAnEpochThatIsANumber", R"({"epoch":3,"offset":41})");
  bad("OfAnEpochThatIsNull", R"({"epoch":null,"offset":41})");
  bad("OfAnEmptyEpoch", R"({"epoch":"","offset":41})");
  bad("OfAnEpochPastTheLimit", R"({"epoch":)" + Quote(std::string(33, 'e')) + R"(,"offset":41})");
  bad("OfAnEpochWithADash", R"({"epoch":"k-3","offset":41})");
  bad("OfAnEpochWithASpace", R"({"epoch":"k 3","offset":41})");
  bad("OfAnEpochThatIsNotAscii", R"({"epoch":"kü","offset":41})");
  bad("OfAnEpochWithAZero", R"({"epoch":"k\u0000","offset":41})");
  bad("OfANegativeOffset", R"({"epoch":"k3","offset":-1})");
  bad("OfAFraction", R"({"epoch":"k3","offset":41.5})");
  bad("OfAWholeFloat", R"({"epoch":"k3","offset":41.0})");
  bad("OfAHugeOffset", R"({"epoch":"k3","offset":18446744073709551616})");
  bad("OfAnOffsetInQuotes", R"({"epoch":"k3","offset":"41"})");
  bad("OfAnOffsetThatIsNull", R"({"epoch":"k3","offset":null})");
  bad("LastAndOffset", R"({"last":5,"offset":41})");
  rows.push_back(Accepted("SinceIsNull", R"({"cmd":"add_group","group_id":"1","since":null})"));
}

void AddCounts(Rows& rows) {
  const auto bad = [&](const std::string& name, const std::string& count) {
    rows.push_back(Refused("LastIs" + name, Command("add_group", R"("last":)" + count), "7",
                           "last must be an integer from 1 to 1000"));
    rows.push_back(Refused("LastInSinceIs" + name,
                           Command("add_group", R"("since":{"last":)" + count + "}"), "7",
                           "last must be an integer from 1 to 1000"));
    rows.push_back(Refused("LastInHistoryIs" + name, Command("history", R"("last":)" + count), "7",
                           "last must be an integer from 1 to 1000"));
    rows.push_back(Refused("LimitIs" + name, Command("history", R"("limit":)" + count), "7",
                           "limit must be an integer of at least 1"));
  };
  bad("Zero", "0");
  bad("Negative", "-1");
  bad("AString", R"("50")");
  bad("AFraction", "1.5");
  bad("AnExponent", "1e2");
  bad("True", "true");
  bad("AnArray", "[50]");
  bad("Huge", "18446744073709551616");
  bad("PastAnInt64", "9223372036854775808");
  rows.push_back(Refused("SinceAndLast",
                         Command("add_group", R"("since":{"epoch":"k3","offset":1},"last":5)"), "7",
                         "exclude each other"));
  rows.push_back(Refused("SinceAndLastInHistory",
                         Command("history", R"("last":5,"since":{"epoch":"k3","offset":1})"), "7",
                         "exclude each other"));
  for (const char* const past : {"1001", "4294967297", "9223372036854775807"}) {
    rows.push_back(Refused(std::string("LastIs") + past,
                           Command("add_group", std::string(R"("last":)") + past), "7",
                           "last must be an integer from 1 to 1000"));
  }
  rows.push_back(Accepted("TheGreatestLast", R"({"cmd":"add_group","group_id":"1","last":1000})"));
}

void AddKeys(Rows& rows) {
  const auto bad = [&](const std::string& name, const std::string& key) {
    rows.push_back(Refused("KeyIs" + name,
                           Command("send_to_group", R"("message":"m","key":)" + key), "7",
                           "key must be a string of 1 to 128 bytes"));
  };
  bad("Empty", R"("")");
  bad("ANumber", "17");
  bad("True", "true");
  bad("AnArray", "[]");
  bad("AnObject", "{}");
  bad("PastTheLimit", Quote(std::string(129, 'k')));
  bad("PastTheLimitInBytes", Quote(Repeat("\xc5\x9f", 65)));
  rows.push_back(
      Accepted("KeyAtTheLimit", R"({"cmd":"send_to_group","group_id":"nobody","message":1,"key":)" +
                                    Quote(std::string(128, 'k')) + "}"));
  rows.push_back(
      Accepted("KeyWithANul",
               R"({"cmd":"send_to_group","group_id":"nobody","message":1,"key":"a\u0000b"})"));
}

void AddCommands(Rows& rows) {
  const std::string allowed = "allowed: add_group, leave_group, send_to_group, history, ping";
  rows.push_back(
      Refused("UnknownCmd", R"({"id":7,"cmd":"drop"})", "7", allowed, "unknown_command"));
  rows.push_back(Refused("UnknownCmdIsCut", R"({"id":7,"cmd":")" + std::string(5'000, 'c') + "\"}",
                         "7", "'" + std::string(64, 'c') + "'", "unknown_command"));
  rows.push_back(
      Refused("CmdInCapitals", R"({"id":7,"cmd":"PING"})", "7", allowed, "unknown_command"));
  rows.push_back(
      Refused("CmdWithANul", R"({"id":7,"cmd":"ping\u0000"})", "7", allowed, "unknown_command"));
  rows.push_back(Refused("MissingCmd", R"({"id":7})", "7", "cmd is missing; " + allowed));
  rows.push_back(Refused("CmdIsANumber", R"({"id":7,"cmd":1})", "7", "not a string; " + allowed));
  rows.push_back(Refused("MissingGroup", R"({"id":7,"cmd":"history"})", "7",
                         "group_id is missing; it is a string of 1 to 255 bytes or an integer"));
  rows.push_back(Refused("GroupIsAnArray", R"({"id":7,"cmd":"leave_group","group_id":[]})", "7",
                         "must be a string or an integer"));
  rows.push_back(Refused("GroupPastTheLimit",
                         R"({"id":7,"cmd":"add_group","group_id":)" +
                             Quote(std::string(kGroupIdBytesMax + 1, 'g')) + "}",
                         "7", "256 bytes; allowed are 1 to 255"));
  const auto bad_data = [&](const std::string& name, const std::string& body,
                            const std::string& words) {
    rows.push_back(Refused("Data" + name, Command("send_to_group", body), "7", words));
  };
  const std::string base64 = "data must be a string of base64 with padding";
  bad_data("IsNotBase64", R"("data":"!")", base64);
  bad_data("HasNoPadding", R"("data":"AA")", base64);
  bad_data("IsBase64Url", R"("data":"_-__")", base64);
  bad_data("IsANumber", R"("data":5)", base64);
  bad_data("AndMessage", R"("data":"AAAA","message":"m")",
           "message and data exclude each other; data is for bytes");
  rows.push_back(Refused("MissingMessage", R"({"id":7,"cmd":"send_to_group","group_id":"1"})", "7",
                         "message is missing; it may be any JSON value"));
  rows.push_back(Refused("HistoryWithoutId", R"({"cmd":"history","group_id":"1"})", "",
                         "history needs an id"));
  rows.push_back(Refused("HistoryOfIdNull", R"({"id":null,"cmd":"history","group_id":"1"})", "",
                         "history needs an id"));
  rows.push_back(Refused("HistoryOfANonMember", R"({"id":7,"cmd":"history","group_id":"1"})", "7",
                         "join the group first", "not_joined"));
  rows.push_back(Refused("LeaveOfANonMember", R"({"id":7,"cmd":"leave_group","group_id":"1"})", "7",
                         "not in the group", "not_joined"));
}

void AddJson(Rows& rows) {
  // What is not JSON has no id, wherever it breaks off.
  rows.push_back(Refused("HalfAnObject", R"({"id":7,"cmd":"ping")", "", "not valid JSON at byte"));
  rows.push_back(Refused("TwoObjects", R"({"id":7,"cmd":"ping"}{"id":8,"cmd":"ping"})", "",
                         "not valid JSON at byte"));
  rows.push_back(Refused("Array", R"([{"id":7,"cmd":"ping"}])", "", "must hold a JSON object"));
  rows.push_back(Refused("EmptyMessage", "", "", "not valid JSON"));
  rows.push_back(Refused("RawNul", std::string("{\"id\":7,\"cmd\":\"ping\0\"}", 21), "",
                         "not valid JSON at byte"));
  rows.push_back(
      Refused("LoneSurrogate", R"({"id":"\ud800","cmd":"ping"})", "", "not valid JSON at byte"));
  const auto nested = [](std::size_t depth) {
    return R"({"cmd":"send_to_group","group_id":"nobody","message":)" + std::string(depth, '[') +
           std::string(depth, ']') + "}";
  };
  rows.push_back(Accepted("NestingAtTheLimit", nested(31)));
  rows.push_back(Refused("NestingPastTheLimit", nested(32), "", "not valid JSON at byte"));
  rows.push_back(Refused("NestingOf10000", nested(10'000), "", "not valid JSON at byte"));
}

void AddClosed(Rows& rows) {
  constexpr int kUnsupportedData = 1003;
  constexpr int kInvalidText = 1007;
  constexpr int kTooBig = 1009;
  rows.push_back(
      Closed("InvalidUtf8", EncodeText("{\"id\":\"\xff\",\"cmd\":\"ping\"}"), kInvalidText));
  rows.push_back(
      Closed("PastTheMessageLimit", EncodeText(std::string(kMessageBytesMax + 1, ' ')), kTooBig));
  support::Frame binary;
  binary.opcode = static_cast<std::uint8_t>(support::Opcode::kBinary);
  binary.payload = R"({"id":7,"cmd":"ping"})";
  rows.push_back(Closed("Binary", EncodeFrame(binary), kUnsupportedData));
}

void AddNamesTwice(Rows& rows) {
  rows.push_back(Refused("CommandTwice",
                         R"({"id":7,"cmd":"ping","cmd":"add_group","group_id":"1"})", "7",
                         "'cmd' stands twice"));
  rows.push_back(Refused("IdTwice", R"({"id":7,"id":8,"cmd":"ping"})", "", "'id' stands twice"));
  rows.push_back(Refused("OffsetOfSinceTwice",
                         R"({"id":7,"cmd":"add_group","group_id":"1",)"
                         R"("since":{"epoch":"e","offset":1,"offset":2}})",
                         "7", "'offset' stands twice"));
  rows.push_back(Refused("NameTwiceInsideTheMessage",
                         R"({"id":7,"cmd":"send_to_group","group_id":"1",)"
                         R"("message":{"a":[{"b":1,"\u0062":2}]}})",
                         "7", "'b' stands twice"));
}

}  // namespace

std::vector<EnvelopedRow> EnvelopedRows() {
  Rows rows;
  AddNamesTwice(rows);
  AddIds(rows);
  AddSinces(rows);
  AddCounts(rows);
  AddKeys(rows);
  AddCommands(rows);
  AddJson(rows);
  AddClosed(rows);
  return rows;
}

}  // namespace bad_input
