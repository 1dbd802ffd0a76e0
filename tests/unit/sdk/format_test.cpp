#include <gtest/gtest.h>
#include <cellmesh/client.hpp>
#include <cellmesh/format.hpp>
#include <cellmesh/status.hpp>

#include <cstdint>
#include <string>

namespace cellmesh {
namespace {

enum class Color : std::uint8_t { red = 3 };

TEST(Format, PutsArgumentsIntoTheirPlaces) {
  const std::string name = "ann";
  const char* nobody = nullptr;
  EXPECT_EQ(format("nothing"), "nothing");
  EXPECT_EQ(format("{} and {}", name, "bob"), "ann and bob");
  EXPECT_EQ(format("{}{}", std::string_view("a"), 'b'), "ab");
  EXPECT_EQ(format("<{}>", nobody), "<(null)>");
}

TEST(Format, WritesNumbers) {
  EXPECT_EQ(format("{} {} {}", -1, std::uint64_t{18446744073709551615U}, true), "-1 18446744073709551615 true");
  EXPECT_EQ(format("{} {}", 0.5, 2.25F), "0.5 2.25");
  EXPECT_EQ(format("{}", Color::red), "3");
}

TEST(Format, KnowsTheTypesOfTheSdk) {
  EXPECT_EQ(format("{}, {}", Status::backpressure, CloseReason::too_slow), "backpressure, too slow");
  EXPECT_EQ(format("{}", Client(ServiceId(3), 41)), "client 3:41");
  EXPECT_EQ(format("{}", ServiceId(3)), "service:3");
}

TEST(Format, DoubledBracesAreBraces) {
  EXPECT_EQ(format("{{}}"), "{}");
  EXPECT_EQ(format("{{{}}}", 1), "{1}");
  EXPECT_EQ(format("100% }} {{ {}", 1), "100% } { 1");
}

}  // namespace
}  // namespace cellmesh
