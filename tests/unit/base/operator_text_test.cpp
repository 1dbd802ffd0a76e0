#include "base/operator_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cm::base {
namespace {

using testing::HasSubstr;

std::string clean(std::string_view text, TextForm form = TextForm::line) {
  const auto result = clean_text(text, form);
  return result ? *result : "refused: " + result.error().text;
}

TEST(OperatorText, LosesAByteOrderMarkAndWhiteSpaceAround) {
  EXPECT_EQ(clean("\xef\xbb\xbf x y\r\n"), "x y");
  EXPECT_EQ(clean(" \xef\xbb\xbfx"), "x");
  EXPECT_EQ(clean("\xc2\xa0x\xe2\x80\x8b\xe2\x80\xa8"), "x");
  EXPECT_EQ(clean(" \t\r\n\xef\xbb\xbf"), "");
  EXPECT_EQ(clean(""), "");
  EXPECT_EQ(clean("\xc3\xa9\xe2\x82\xac"), "\xc3\xa9\xe2\x82\xac") << "what begins alike is kept";
}

TEST(OperatorText, NamesTheControlCharacterItsPlaceAndTheRemedy) {
  EXPECT_EQ(clean(" echo\nhub\n"),
            "refused: it has a line feed (\\x0a) at byte 6; write it as one line, without control characters");
  EXPECT_THAT(clean("a\tb"), HasSubstr("a tab (\\x09) at byte 2"));
  EXPECT_THAT(clean("a\x7f"), HasSubstr("\\x7f at byte 2"));
  EXPECT_THAT(clean("a\xc2\x9b"
                    "b"),
              HasSubstr("control character \\x9b at byte 2"));
  EXPECT_THAT(clean("a\xe2\x80\xa8"
                    "b"),
              HasSubstr("a Unicode line break at byte 2"));
}

TEST(OperatorText, LinesMayStandWhereTheyBelong) {
  EXPECT_EQ(clean("{\r\n\t1 }\n", TextForm::lines), "{\r\n\t1 }");
  EXPECT_THAT(clean("{\x02}", TextForm::lines), HasSubstr("\\x02 at byte 2; write it without"));
  EXPECT_EQ(clean("-----BEGIN X-----\na\n", TextForm::line_or_pem), "-----BEGIN X-----\na");
  EXPECT_THAT(clean("a\n-----BEGIN X-----", TextForm::line_or_pem), HasSubstr("a line feed"));
}

TEST(OperatorText, IsUtf8) {
  EXPECT_THAT(clean("ab\xe9"), HasSubstr("it is not UTF-8 text: byte 3"));
  EXPECT_THAT(clean(std::string_view("\xff\xfex\0", 4)), HasSubstr("UTF-16"));
}

}  // namespace
}  // namespace cm::base
