#include "discovery/consul_token.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.hpp"

namespace cm::discovery {
namespace {

using testing::HasSubstr;

struct ConsulTokenTest : testing::Test {
  void put(const std::string& text) const { test::write_file(file, text); }

  const test::TempDir folder;
  const std::filesystem::path file = folder / "token";
};

TEST_F(ConsulTokenTest, WhiteSpaceAndAByteOrderMarkAreNoPartOfIt) {
  for (const char* text : {"abc-1", "abc-1\n", "  abc-1\r\n",
                           "\xef\xbb\xbf"
                           "abc-1\n\n"}) {
    put(text);
    EXPECT_EQ(read_consul_token(file).value(), "abc-1");
  }
}

TEST_F(ConsulTokenTest, FilesThatHoldNoneAreRefusedByName) {
  EXPECT_THAT(read_consul_token(file).error().text,
              HasSubstr(file.string() + " for Consul cannot be read: No such file"));
  EXPECT_THAT(read_consul_token(folder.path()).error().text, HasSubstr("is a folder"));
  for (const auto& text : {std::string(), std::string("\n"), std::string("two words"), std::string("a\nb"),
                           std::string(5000, 'x'), std::string("a\0b", 3)}) {
    put(text);
    const auto read = read_consul_token(file);
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().text, HasSubstr(file.string()));
    EXPECT_THAT(read.error().text, HasSubstr("write the"));
  }
}

TEST_F(ConsulTokenTest, NewOneIsTakenAndABadFileLeavesTheLast) {
  put("first");
  ConsulConfig config;
  config.token_file = file;
  ConsulToken token(config);
  EXPECT_EQ(token.value(), "first");
  EXPECT_FALSE(token.refresh());
  put("second\n");
  EXPECT_TRUE(token.refresh());
  EXPECT_EQ(token.value(), "second");
  std::filesystem::remove(file);
  EXPECT_FALSE(token.refresh());
  EXPECT_EQ(token.value(), "second");
  EXPECT_THAT(token.error(), HasSubstr("cannot be read"));
  put("second");
  EXPECT_FALSE(token.refresh());
  EXPECT_EQ(token.error(), "");
}

}  // namespace
}  // namespace cm::discovery
