#include <gtest/gtest.h>
#include <cellmesh/client.hpp>
#include <cellmesh/cookie.hpp>
#include <cellmesh/handler.hpp>

#include "probe.cellmesh.hpp"

namespace cellmesh::detail {
namespace {

struct Point {
  int x;
  double y;
};

TEST(Cookie, ComesBackAsItWas) {
  probe::NewsACK news;
  news.set_text("late");
  using Values = std::tuple<int, std::string, Client, probe::NewsACK, Point, std::string_view>;
  const PackedCookie<Values> packed(7, "text", Client(ServiceId(3), 41), news, Point{1, 2.5}, std::string("view"));
  Values back;
  ASSERT_FALSE(packed.overflow());
  ASSERT_TRUE(read_cookie({packed.data(), packed.size()}, back));
  EXPECT_EQ(std::get<0>(back), 7);
  EXPECT_EQ(std::get<1>(back), "text");
  EXPECT_EQ(std::get<2>(back), Client(ServiceId(3), 41));
  EXPECT_EQ(std::get<3>(back).text(), "late");
  EXPECT_EQ(std::get<4>(back).y, 2.5);
  EXPECT_EQ(std::get<5>(back), "view");
}

TEST(Cookie, NoValuesAreNoBytes) {
  const PackedCookie<std::tuple<>> packed;
  std::tuple<> back;
  EXPECT_EQ(packed.size(), 0U);
  EXPECT_TRUE(read_cookie({packed.data(), packed.size()}, back));
}

TEST(Cookie, EmptyTextsAndMessagesComeBack) {
  using Values = std::tuple<std::string, probe::NewsACK, std::string_view>;
  const PackedCookie<Values> packed("", probe::NewsACK(), "");
  Values back{"x", {}, "y"};
  ASSERT_TRUE(read_cookie({packed.data(), packed.size()}, back));
  EXPECT_EQ(std::get<0>(back), "");
  EXPECT_EQ(std::get<2>(back), "");
}

TEST(Cookie, OfAnotherShapeIsRefused) {
  const PackedCookie<std::tuple<std::uint32_t>> packed(7U);
  const std::span<const std::uint8_t> bytes(packed.data(), packed.size());
  std::tuple<std::uint64_t> wider;
  std::tuple<std::uint32_t, std::uint32_t> more;
  std::tuple<> fewer;
  EXPECT_FALSE(read_cookie(bytes, wider));
  EXPECT_FALSE(read_cookie(bytes, more));
  EXPECT_FALSE(read_cookie(bytes, fewer));
}

TEST(Cookie, TruncatedIsRefusedAtEveryLength) {
  using Values = std::tuple<std::string, std::uint64_t>;
  const PackedCookie<Values> packed("some text", 7);
  for (std::size_t n = 0; n < packed.size(); ++n) {
    Values back;
    EXPECT_FALSE(read_cookie({packed.data(), n}, back)) << n;
  }
}

TEST(Cookie, LargestFitsAndOneMoreByteDoesNot) {
  const std::size_t most = CM_MAX_COOKIE - sizeof(std::uint32_t);
  const PackedCookie<std::tuple<std::string>> largest(std::string(most, 'x'));
  EXPECT_FALSE(largest.overflow());
  EXPECT_EQ(largest.size(), CM_MAX_COOKIE);
  const PackedCookie<std::tuple<std::string>> larger(std::string(most + 1, 'x'));
  EXPECT_TRUE(larger.overflow());
}

}  // namespace
}  // namespace cellmesh::detail
