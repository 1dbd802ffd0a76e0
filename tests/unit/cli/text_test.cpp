#include "cli/text.hpp"

#include <gmock/gmock.h>
#include <boost/json/parse.hpp>

#include "cli/render.hpp"
#include "cli/table.hpp"

namespace cm::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Text, ValidTextStaysAsItIs) {
  for (const std::string text : {"", "plain", "größer", "日本語", "👋🏽", "a\tb\n"})
    EXPECT_EQ(valid_utf8(text), text);
}

TEST(Text, EveryBrokenByteBecomesAReplacement) {
  EXPECT_EQ(valid_utf8("a\xff"), "a\xef\xbf\xbd");
  EXPECT_EQ(valid_utf8("\xe6\x97"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(valid_utf8("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd") << "too long a spelling of /";
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") << "half a surrogate pair";
  EXPECT_EQ(valid_utf8("\xf5\x80\x80\x80").size(), 12U);
}

TEST(Text, WhatATerminalWouldObeyIsSpelledOut) {
  EXPECT_EQ(printable("a\x1b[2Jb"), "a\\u001b[2Jb");
  EXPECT_EQ(printable("one\ntwo\tthree\r"), "one\\ntwo three\\u000d");
  EXPECT_EQ(printable("\xc2\x9b"), "\\u009b");
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "evil"),
            "\\u202eevil")
      << "right to left";
  EXPECT_EQ(printable("größer 日本 👋"), "größer 日本 👋");
}

TEST(Text, WidthCountsColumnsNotBytes) {
  EXPECT_EQ(display_width("größer"), 6U);
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("e\xcc\x81"), 1U) << "a letter and its accent";
}

TEST(Text, TheEndOfALineThatFitsIsWhole) {
  EXPECT_EQ(fitting_end("abcdef", 3), "def");
  EXPECT_EQ(fitting_end("日本語", 3), "語");
  EXPECT_EQ(fitting_end("abc", 0), "");
  EXPECT_EQ(fitting_end("abc", 10), "abc");
}

TEST(Table, ColumnsAreAlignedAndNumbersStandToTheRight) {
  Table table({"NAME", "USERS"});
  table.add({"game#0@dev", "7"});
  table.add({"größe", "1234"});
  table.add({"x", ""});
  EXPECT_EQ(table.text(),
            "NAME        USERS\n"
            "game#0@dev      7\n"
            "größe        1234\n"
            "x               -\n");
}

TEST(Table, AColumnWithNothingInItIsLeftOut) {
  Table table({"A", "B", "C"});
  table.add({"1", "", "x"});
  EXPECT_EQ(table.text(), "A  C\n1  x\n");
}

TEST(Table, NoRowsAreNoText) { EXPECT_EQ(Table({"A"}).text(), ""); }

TEST(Render, ObjectsOfAnArrayAreATable) {
  EXPECT_EQ(
      render(boost::json::parse(R"([{"id":"a","up_since":null,"ok":true},{"id":"b","ok":false,"tags":["x","y"]}])")),
      "ID  OK   TAGS\n"
      "a   yes  -\n"
      "b   no   x, y\n");
}

TEST(Render, AnObjectIsLines) {
  EXPECT_EQ(render(boost::json::parse(R"({"host":"0@dev","pid":12,"discovery":{"kind":"consul","last_error":""}})")),
            "host            0@dev\n"
            "pid             12\n"
            "discovery kind  consul\n");
}

TEST(Render, ANumberIsADecimal) {
  EXPECT_EQ(render(boost::json::value(0.12345)), "0.123\n");
  EXPECT_EQ(render(boost::json::value(1e300)), "1e+300\n");
  EXPECT_EQ(render(boost::json::value(18446744073709551615ULL)), "18446744073709551615\n");
}

TEST(Render, ATextIsItself) { EXPECT_EQ(render(boost::json::value("done")), "done\n"); }

TEST(Render, NothingIsSaidToBeNothing) { EXPECT_EQ(render(boost::json::parse("[]")), "none\n"); }

TEST(Render, WhatAPeerNamedItselfCannotHarmTheTerminal) {
  EXPECT_THAT(render(boost::json::parse(R"([{"id":"a\u001b[2J"}])")), Not(HasSubstr("\x1b")));
}

TEST(Render, OddAnswersAreShownAllTheSame) {
  EXPECT_EQ(render(boost::json::parse("[1,2]")), "1\n2\n");
  EXPECT_EQ(render(boost::json::parse(R"([{"a":1},"x"])")), "A\n1\n-\n");
  EXPECT_EQ(render(boost::json::parse("null")), "\n");
  EXPECT_EQ(render(boost::json::parse(R"([{"a":{"b":1}}])")), "A\n{\"b\":1}\n");
}

}  // namespace
}  // namespace cm::cli
