#include "base/secret.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "support/temp_dir.hpp"

namespace cm::base {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Secret, IsMaskedButForWhereItStands) {
  EXPECT_EQ(masked("hunter2", false), "***");
  EXPECT_EQ(masked("", false), "");
  EXPECT_EQ(masked("file:/run/secrets/x", false), "file:/run/secrets/x");
  EXPECT_EQ(masked("env:PW", true), "env:PW");
}

TEST(Secret, OfAUrlIsItsPassword) {
  const auto url = [](std::string_view text) { return masked(text, true); };
  EXPECT_EQ(url("postgresql://ann:pw@db:5432/game?sslmode=require"),
            "postgresql://ann:***@db:5432/game?sslmode=require");
  EXPECT_EQ(url("postgresql://ann@db/game"), "postgresql://ann@db/game");
  EXPECT_EQ(url("postgresql://db:5432,[::1]:5433/game"), "postgresql://db:5432,[::1]:5433/game");
  EXPECT_EQ(url("sqlite:/var/lib/game.db"), "sqlite:/var/lib/game.db");
  EXPECT_EQ(url("sqlite:game.db"), "sqlite:game.db");
}

TEST(Secret, IsNeverShownByAUrlThatIsWrittenWrongly) {
  for (const std::string text :
       {"hunter2", "ann:hunter2", "ann:hunter2@db/game", "postgresql:hunter2", "postgresql:ann:hunter2@db/game",
        "postgresql://ann:hunter2", "postgresql://ann:hunter2/game", "postgresql://ann:hun/ter2@db/game",
        "postgresql://ann:x@hunter2@db/game", "postgresql://ann:h?unter2@db", "postgresql://ann:h#hunter2@db",
        "postgresql:///game?user=ann&password=hunter2", "postgresql:///game?p%61ssword=hunter2",
        "postgresql:///game?sslpassword=hunter2;x=1", "postgresql://db/game#hunter2", " postgresql://a:hunter2@b"}) {
    EXPECT_THAT(masked(text, true), Not(HasSubstr("unter2"))) << text;
    EXPECT_THAT(masked(text, true), Not(HasSubstr("ter2"))) << text;
    EXPECT_THAT(masked(text, true), HasSubstr("***")) << text;
  }
}

class SecretFile : public testing::Test {
 protected:
  std::string write(const std::string& text, const std::string& name = "secret") {
    const auto path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return "file:" + path.string();
  }
  static std::string error(const std::string& value) {
    const auto read = read_secret(value);
    return read ? "read as " + *read : read.error().text;
  }
  test::TempDir folder_;
};

TEST_F(SecretFile, IsReadAsAllThatOperatorsWrite) {
  EXPECT_EQ(read_secret(write("\xef\xbb\xbfpostgresql://a:b@c/d\r\n")).value(), "postgresql://a:b@c/d");
  EXPECT_EQ(read_secret(write("-----BEGIN X-----\na\n")).value(), "-----BEGIN X-----\na");
  EXPECT_EQ(read_secret("a:b").value(), "a:b");
}

TEST_F(SecretFile, ThatCannotBeReadIsNamedWithTheRemedy) {
  EXPECT_THAT(error("file:" + (folder_ / "absent").string()),
              testing::AllOf(HasSubstr("absent: No such file"), HasSubstr("readable for the user")));
  EXPECT_THAT(error("file:relative"), HasSubstr("not an absolute path"));
  EXPECT_THAT(error("file:"), HasSubstr("not an absolute path"));
  EXPECT_THAT(error("file:" + folder_.path().string()), HasSubstr("it is not a file"));
  EXPECT_THAT(error("file:/dev/zero"), HasSubstr("it is not a file"));
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(error("file:" + (folder_ / "fifo").string()), HasSubstr("it is not a file")) << "and it does not wait";
  EXPECT_THAT(error(write(" \n")), HasSubstr("there is nothing in file:"));
  EXPECT_THAT(error(write(std::string(70'000, 'x'))), HasSubstr("more than 64 KiB"));
  EXPECT_THAT(error(write("hunter2\nhunter3")), testing::AllOf(HasSubstr("a line feed"), Not(HasSubstr("hunter"))));
}

TEST_F(SecretFile, MayBeAVariable) {
  ::setenv("CM_TEST_SECRET", " hunter2\n", 1);
  EXPECT_EQ(read_secret("env:CM_TEST_SECRET").value(), "hunter2");
  ::unsetenv("CM_TEST_SECRET");
  EXPECT_THAT(error("env:CM_TEST_SECRET"), HasSubstr("no variable \"CM_TEST_SECRET\""));
  EXPECT_THAT(error("env:"), HasSubstr("no variable"));
}

}  // namespace
}  // namespace cm::base
