#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "discovery/settings.hpp"

namespace cm::discovery {
namespace {

using testing::HasSubstr;

SettingField field(SettingType type, std::optional<double> min = std::nullopt, std::optional<double> max = std::nullopt,
                   std::vector<std::string> choices = {}) {
  SettingField out;
  out.name = "x";
  out.number = 1;
  out.type = type;
  out.min = min;
  out.max = max;
  out.choices = std::move(choices);
  return out;
}

std::string good(const SettingField& f, std::string_view value) {
  const auto result = f.check(value);
  return result ? *result : "refused: " + result.error().text;
}

std::string refusal(const SettingField& f, std::string_view value) {
  const auto result = f.check(value);
  return result ? "taken as " + *result : result.error().text;
}

TEST(SettingField, ABoolIsTrueOrFalseAndNothingElse) {
  const auto f = field(SettingType::boolean);
  EXPECT_EQ(good(f, "true"), "true");
  EXPECT_EQ(good(f, " false\n"), "false");
  for (const auto* bad : {"yes", "1", "0", "True", "", "on"}) EXPECT_THAT(refusal(f, bad), HasSubstr("true or false"));
}

TEST(SettingField, WholeNumbersAreSpelledCanonically) {
  const auto f = field(SettingType::int32);
  EXPECT_EQ(good(f, "07"), "7");
  EXPECT_EQ(good(f, "-0"), "0");
  EXPECT_EQ(good(f, "42\n"), "42");
  EXPECT_EQ(good(f, "-2147483648"), "-2147483648");
  for (const auto* bad : {"", "abc", "1.5", "0x10", "+7", "1 2", "2147483648", "--1", "1e3"})
    EXPECT_THAT(refusal(f, bad), HasSubstr("a whole number from -2147483648 to 2147483647"));
}

TEST(SettingField, RangesAreKeptAndNamed) {
  const auto f = field(SettingType::int32, 0, 3600);
  EXPECT_EQ(good(f, "0"), "0");
  EXPECT_EQ(good(f, "3600"), "3600");
  EXPECT_EQ(refusal(f, "3601"), "3601 is not a whole number from 0 to 3600");
  EXPECT_EQ(refusal(f, "-1"), "-1 is not a whole number from 0 to 3600");
}

TEST(SettingField, SixtyFourBitNumbersKeepEveryDigit) {
  EXPECT_EQ(good(field(SettingType::int64), "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(good(field(SettingType::uint64), "18446744073709551615"), "18446744073709551615");
  EXPECT_THAT(refusal(field(SettingType::uint64), "18446744073709551616"), HasSubstr("from 0 to"));
  EXPECT_THAT(refusal(field(SettingType::uint64), "-1"), HasSubstr("from 0 to"));
  EXPECT_THAT(refusal(field(SettingType::uint32), "4294967296"), HasSubstr("to 4294967295"));
  // 2^53 + 1 is above a most of 2^53, though no double is between them.
  EXPECT_THAT(refusal(field(SettingType::uint64, 0, 9007199254740992.0), "9007199254740993"), HasSubstr("is not"));
}

TEST(SettingField, RealsAreFiniteAndShort) {
  const auto f = field(SettingType::real);
  EXPECT_EQ(good(f, "0.50"), "0.5");
  EXPECT_EQ(good(f, "-0.0"), "0");
  EXPECT_EQ(good(f, "1e3"), "1000");
  for (const auto* bad : {"nan", "inf", "-inf", "1e999", "", "1,5", "one"})
    EXPECT_THAT(refusal(f, bad), HasSubstr("a number"));
  EXPECT_THAT(refusal(field(SettingType::real, 0, 1), "1.01"), HasSubstr("a number from 0 to 1"));
  EXPECT_THAT(refusal(field(SettingType::real, 0), "-1"), HasSubstr("a number from 0 up"));
}

TEST(SettingField, EveryTypeIsTrimmedOfWhiteSpaceAndAByteOrderMark) {
  SettingField numbers = field(SettingType::uint32);
  numbers.list = true;
  numbers.max_items = 9;
  const std::vector<std::pair<SettingField, std::string>> all{
      {field(SettingType::boolean), "true"},
      {field(SettingType::int32), "-7"},
      {field(SettingType::int64), "7"},
      {field(SettingType::uint32), "7"},
      {field(SettingType::uint64), "7"},
      {field(SettingType::real), "0.5"},
      {field(SettingType::text), "two words"},
      {numbers, "1, 2"},
      {field(SettingType::text, std::nullopt, std::nullopt, {"a", "b"}), "b"}};
  for (const auto& [f, value] : all) {
    for (const std::string around :
         {"%\n", "%\r\n", "\xef\xbb\xbf%", " \t%\n\n", "\xc2\xa0%\xc2\xa0", "\xe3\x80\x80%"}) {
      const auto at = around.find('%');
      EXPECT_EQ(good(f, around.substr(0, at) + value + around.substr(at + 1)), value) << around;
    }
  }
}

TEST(SettingField, EveryTypeRefusesControlCharactersInsideWithTheirPlace) {
  for (const auto type : {SettingType::boolean, SettingType::int32, SettingType::real, SettingType::text}) {
    EXPECT_THAT(refusal(field(type), "12\n34"), HasSubstr("a line feed (\\x0a) at byte 3"));
    EXPECT_THAT(refusal(field(type), std::string_view("12\0", 3)), HasSubstr("\\x00 at byte 3"));
    EXPECT_THAT(refusal(field(type),
                        "1\xef\xbb\xbf"
                        "2"),
                HasSubstr("a byte order mark"));
    EXPECT_THAT(refusal(field(type),
                        "\xff\xfe"
                        "1"),
                HasSubstr("UTF-16"));
    EXPECT_THAT(refusal(field(type), "1\xff"), HasSubstr("byte 2"));
  }
}

TEST(SettingField, APemKeepsItsLines) {
  const std::string pem = "-----BEGIN PUBLIC KEY-----\r\nabc\r\n-----END PUBLIC KEY-----";
  EXPECT_EQ(good(field(SettingType::text), "\xef\xbb\xbf" + pem + "\r\n"), pem);
  EXPECT_THAT(refusal(field(SettingType::text), pem + "\x01x"), HasSubstr("\\x01"));
}

TEST(SettingField, WhatItsAuthorDeclaredIsAlwaysAValue) {
  auto f = field(SettingType::text);
  f.default_value = "Hello, ";
  EXPECT_EQ(good(f, "Hello, "), "Hello, ");
  EXPECT_EQ(good(f, "Hi, "), "Hi,");
}

TEST(SettingField, TextIsKeptAsItIs) {
  const auto f = field(SettingType::text);
  EXPECT_EQ(good(f, ""), "");
  EXPECT_EQ(good(f, "two  words"), "two  words");
  EXPECT_EQ(good(f, "gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x8e\xb2"), "gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x8e\xb2");
}

TEST(SettingField, TextThatIsNoUtf8IsRefused) {
  const auto f = field(SettingType::text);
  for (const auto* bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "a\x80", "\xe2\x82"})
    EXPECT_THAT(refusal(f, bad), HasSubstr("UTF-8"));
}

TEST(SettingField, TextHasALimit) {
  EXPECT_TRUE(field(SettingType::text).check(std::string(64U << 10U, 'x')));
  EXPECT_THAT(refusal(field(SettingType::text), std::string((64U << 10U) + 1, 'x')), HasSubstr("longer than 65536"));
}

TEST(SettingField, AChoiceIsOneOfThem) {
  const auto f = field(SettingType::text, std::nullopt, std::nullopt, {"least-loaded", "random"});
  EXPECT_EQ(good(f, "random"), "random");
  EXPECT_EQ(good(f, "random\n"), "random");
  EXPECT_EQ(refusal(f, "rnd"), "rnd is not one of \"least-loaded\", \"random\"");
}

SettingField list(SettingType type, std::uint32_t min_items, std::uint32_t max_items,
                  std::optional<double> min = std::nullopt, std::optional<double> max = std::nullopt) {
  SettingField out = field(type, min, max);
  out.list = true;
  out.min_items = min_items;
  out.max_items = max_items;
  return out;
}

TEST(SettingField, AListIsSpelledCanonically) {
  const auto f = list(SettingType::uint64, 0, 4);
  EXPECT_EQ(good(f, "100,200, 0400 ,18446744073709551615\n"), "100, 200, 400, 18446744073709551615");
  EXPECT_EQ(good(f, "7"), "7");
  EXPECT_EQ(good(f, " \n"), "");
  EXPECT_EQ(good(list(SettingType::real, 1, 2), "0.50,-0"), "0.5, 0");
}

TEST(SettingField, EachNumberOfAListIsChecked) {
  const auto f = list(SettingType::uint32, 1, 3, 10, 99);
  EXPECT_EQ(refusal(f, "10, 5"),
            "\"10, 5\" is not a list of 1 to 3 whole numbers from 10 to 99 with commas between them: 5 is none");
  for (const auto* bad : {"10,", ",10", "10,,20", "10 20", "10;20", "10, x", "10, 1e3", "10, 100"})
    EXPECT_THAT(refusal(f, bad), HasSubstr("is none"));
}

TEST(SettingField, AListHasNoLessAndNoMoreThanItMay) {
  const auto f = list(SettingType::int32, 1, 3);
  EXPECT_THAT(refusal(f, ""), HasSubstr(": it has 0"));
  EXPECT_THAT(refusal(f, "1,2,3,4"), HasSubstr(": it has 4"));
  EXPECT_EQ(good(f, "-1,2,3"), "-1, 2, 3");
}

TEST(EncodeSettings, ListsArePackedAndEmptyOnesAbsent) {
  SettingField whole = list(SettingType::int64, 0, 10);
  whole.name = "whole";
  SettingField real = list(SettingType::real, 0, 10);
  real.name = "real";
  real.number = 2;
  EXPECT_EQ(encode_settings({whole, real}, {{"whole", "1, 150, -1"}, {"real", "0.5"}}),
            std::string("\x0a\x0d\x01\x96\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 15) +
                std::string("\x12\x08\x00\x00\x00\x00\x00\x00\xe0\x3f", 10));
  EXPECT_EQ(encode_settings({whole, real}, {{"whole", ""}, {"real", ""}}), "");
}

TEST(EncodeSettings, WritesEveryFieldInOrderOfItsNumber) {
  std::vector<SettingField> fields;
  const auto add = [&](const char* name, std::uint32_t number, SettingType type) {
    SettingField f;
    f.name = name;
    f.number = number;
    f.type = type;
    fields.push_back(std::move(f));
  };
  add("text", 7, SettingType::text);
  add("flag", 1, SettingType::boolean);
  add("i32", 2, SettingType::int32);
  add("i64", 3, SettingType::int64);
  add("u32", 4, SettingType::uint32);
  add("u64", 5, SettingType::uint64);
  add("real", 6, SettingType::real);
  add("far", 300, SettingType::int32);
  const SettingValues values{{"flag", "true"}, {"i32", "-1"},   {"i64", "150"},  {"u32", "4294967295"},
                             {"u64", "0"},     {"real", "0.5"}, {"text", "abc"}, {"far", "1000"}};
  const std::string golden =
      std::string("\x08\x01", 2) +
      std::string("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11) +  // negative int32: ten bytes
      std::string("\x18\x96\x01", 3) + std::string("\x20\xff\xff\xff\xff\x0f", 6) + std::string("\x28\x00", 2) +
      std::string("\x31\x00\x00\x00\x00\x00\x00\xe0\x3f", 9) + std::string("\x3a\x03", 2) + "abc" +
      std::string("\xe0\x12\xe8\x07", 4);
  EXPECT_EQ(encode_settings(fields, values), golden);
}

TEST(EncodeSettings, AMissingValueIsItsDefault) {
  SettingField f;
  f.name = "a";
  f.number = 1;
  f.type = SettingType::uint32;
  f.default_value = "3";
  EXPECT_EQ(encode_settings({f}, {}), std::string("\x08\x03", 2));
}

}  // namespace
}  // namespace cm::discovery
