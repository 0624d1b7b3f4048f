#include "io/text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace cleave::io {
namespace {

using namespace std::string_view_literals;

TEST(Text, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(in_quotes("plain"), "'plain'");
  EXPECT_EQ(in_quotes("a\nb\tc\r"), "'a\\nb\\tc\\r'");
  EXPECT_EQ(in_quotes("\x1b[31m"), "'\\u001b[31m'");
  EXPECT_EQ(in_quotes("\0x"sv), "'\\u0000x'");
  EXPECT_EQ(in_quotes("\xc2\x9b"), "'\\u009b'");  // a control character of two bytes
  EXPECT_EQ(in_quotes("\xff\xc3"), "'\\xff\\xc3'");
  EXPECT_EQ(in_quotes("größe"), "'größe'");
}

TEST(Text, CutsLongText) {
  const std::string shown = in_quotes(std::string(1000, 'x'));
  EXPECT_EQ(shown, "'" + std::string(80, 'x') + "...'");
  EXPECT_EQ(escaped("ab", 2), "ab");
  EXPECT_EQ(escaped("abc", 2), "ab...");
  EXPECT_EQ(escaped("äöü", 2), "ä...");  // never within a character
}

TEST(Text, KnowsUtf8) {
  EXPECT_EQ(utf8_length("a"), 1U);
  EXPECT_EQ(utf8_length("ä"), 2U);
  EXPECT_EQ(utf8_length("€"), 3U);
  EXPECT_EQ(utf8_length("😀"), 4U);
  for (const std::string_view wrong :
       {"\x80"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc3"sv, "\xc3("sv, "\xe0\x80\x80"sv,
        "\xed\xa0\x80"sv, "\xe2\x82"sv, "\xf0\x80\x80\x80"sv, "\xf4\x90\x80\x80"sv,
        "\xf5\x80\x80\x80"sv, "\xff"sv}) {
    EXPECT_EQ(utf8_length(wrong), 0U) << in_quotes(wrong);
  }
}

TEST(Text, CountsBytesUpToBinaryOnes) {
  EXPECT_EQ(count_text_bytes("größe\n"), 8U);
  EXPECT_EQ(count_text_bytes("ab\0c"sv), 2U);
  EXPECT_EQ(count_text_bytes("ab\xff"), 2U);
  EXPECT_EQ(count_text_bytes(""), 0U);
}

TEST(Text, Trims) {
  EXPECT_EQ(trimmed(" \t a b\r"), "a b");
  EXPECT_EQ(trimmed(" \t"), "");
}

}  // namespace
}  // namespace cleave::io
