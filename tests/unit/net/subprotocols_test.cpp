#include "net/subprotocols.hpp"

#include <gmock/gmock.h>

namespace cm::net {
namespace {

using testing::HasSubstr;

std::string selected(std::string_view listed, std::string_view offered) {
  const auto parsed = Subprotocols::parse(listed);
  EXPECT_TRUE(parsed.has_value());
  return std::string(parsed->select(offered));
}

TEST(Subprotocols, SelectsTheFirstOfferThatIsListed) {
  EXPECT_EQ(selected("binary", "binary"), "binary");
  EXPECT_EQ(selected("binary, chat.v2", "chat.v1, chat.v2, binary"), "chat.v2");
  EXPECT_EQ(selected("binary,chat.v2", "\tbase64 ,\t binary"), "binary");
}

TEST(Subprotocols, SelectsNothingThatIsNotListed) {
  EXPECT_EQ(selected("binary", "base64"), "");
  EXPECT_EQ(selected("binary", "Binary"), "") << "names are case-sensitive";
  EXPECT_EQ(selected("binary", "binary2, inary"), "");
  EXPECT_EQ(selected("", "binary"), "");
}

TEST(Subprotocols, TakesAnyOfferHoweverMalformed) {
  for (const std::string_view offered : {"", ",", " , ,,\t", "a b", "\"binary\"", "binary;q=1", "b\x01", "\xff\xfe"}) {
    EXPECT_EQ(selected("binary", offered), "") << offered;
  }
  EXPECT_EQ(selected("binary", ",,a b,binary,binary"), "binary");
  EXPECT_EQ(selected("binary", std::string(8000, ',') + "binary"), "binary");
}

TEST(Subprotocols, RefusesAListWithWhatIsNotAToken) {
  for (const char* list : {"a b", "binary, \"b\"", "a/b", "binary\r\nX: y", "b\xc3\xa4r"}) {
    const auto parsed = Subprotocols::parse(list);
    ASSERT_FALSE(parsed.has_value()) << list;
    EXPECT_THAT(parsed.error().text, HasSubstr("subprotocol"));
  }
  EXPECT_TRUE(Subprotocols::parse(" , binary ,").has_value());
}

}  // namespace
}  // namespace cm::net
