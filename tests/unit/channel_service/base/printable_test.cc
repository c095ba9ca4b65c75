#include "channel_service/base/printable.h"

#include <gtest/gtest.h>

namespace channel {
namespace {

std::string Shown(std::string_view text) { return Printable(text, 100); }

TEST(PrintableTest, TextOfAnyLanguageStaysAsItIs) {
  for (const char* text : {"", "a b~", "Bu bir mesajd\u0131r", "\u65e5\u672c", "\U0001f600"}) {
    EXPECT_EQ(Shown(text), text);
  }
}

TEST(PrintableTest, ControlCharactersAreVisible) {
  EXPECT_EQ(Shown("a\r\n2026-11-23 info forged"), "a\\x0d\\n2026-11-23 info forged");
  EXPECT_EQ(Shown("\x1b[2J\x7f"), "\\x1b[2J\\x7f");
  EXPECT_EQ(Shown(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(Shown("\u009b1m"), "\\xc2\\x9b1m");                 // CSI in one character
  EXPECT_EQ(Shown("\u2028"), "\\xe2\\x80\\xa8");                // a line separator
  EXPECT_EQ(Shown("\u202egnp.exe"), "\\xe2\\x80\\xaegnp.exe");  // text that runs backwards
}

TEST(PrintableTest, BytesThatAreNoTextAreVisible) {
  EXPECT_EQ(Shown("\xff"), "\\xff");
  EXPECT_EQ(Shown("\xc3"), "\\xc3");                             // half a character
  EXPECT_EQ(Shown("\xc0\xaf"), "\\xc0\\xaf");                    // '/' in two bytes
  EXPECT_EQ(Shown("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // half of a surrogate pair
  EXPECT_EQ(Shown("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
}

TEST(PrintableTest, LongTextIsCut) {
  EXPECT_EQ(Printable("abc", 3), "abc");
  EXPECT_EQ(Printable("abcd", 3), "abc...");
  EXPECT_EQ(Printable("ab\u0131", 3), "ab\\xc4...");
}

}  // namespace
}  // namespace channel
