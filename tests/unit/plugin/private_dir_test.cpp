#include "plugin/private_dir.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <string>

#include "support/temp_dir.hpp"

namespace cm::plugin {
namespace {

namespace fs = std::filesystem;

class PrivateDirTest : public testing::Test {
 protected:
  PrivateDirTest() { ::setenv("TMPDIR", temp.path().c_str(), 1); }
  ~PrivateDirTest() override {
    if (before) {
      ::setenv("TMPDIR", before->c_str(), 1);
    } else {
      ::unsetenv("TMPDIR");
    }
  }
  // A directory with a file in it.
  fs::path folder(const std::string& name) const {
    const fs::path path = temp / name;
    fs::create_directory(path);
    cm::test::write_file(path / "0-game.so", "x");
    return path;
  }

  const std::optional<std::string> before =
      std::getenv("TMPDIR") != nullptr ? std::optional<std::string>(std::getenv("TMPDIR")) : std::nullopt;
  cm::test::TempDir temp;
};

TEST_F(PrivateDirTest, GoesWithItsObject) {
  fs::path path;
  {
    const auto made = PrivateDir::make();
    ASSERT_TRUE(made);
    path = made->path();
    EXPECT_EQ(path.filename().string().rfind("cellmesh-" + std::to_string(::getpid()) + "-", 0), 0U);
    cm::test::write_file(path / "0-game.so", "x");
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
  }
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(PrivateDirTest, OfAnOwnerThatDiedIsRemovedAlsoWhenItsPidIsAnothersNow) {
  const fs::path left = folder("cellmesh-" + std::to_string(::getpid()) + "-AbCd12");
  ASSERT_TRUE(PrivateDir::make());
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(PrivateDirTest, OfAKilledProcessStaysUntilThen) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto made = PrivateDir::make();
    const char there = made ? 'y' : 'n';
    if (::write(ends[1], &there, 1) == 1) ::pause();
    ::_exit(1);
  }
  ::close(ends[1]);
  char there = 'n';
  EXPECT_EQ(::read(ends[0], &there, 1), 1);
  EXPECT_EQ(there, 'y');
  const auto folders = [&] { return std::distance(fs::directory_iterator(temp.path()), fs::directory_iterator()); };
  EXPECT_TRUE(PrivateDir::make());
  EXPECT_EQ(folders(), 1);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  EXPECT_EQ(folders(), 1);
  EXPECT_TRUE(PrivateDir::make());
  EXPECT_EQ(folders(), 0);
}

TEST_F(PrivateDirTest, WhatHasAnotherNameOrIsALinkStays) {
  const auto others = {folder("cellmesh-0"), folder("cellmesh-codegen-AbCd12"), folder("cellmesh--AbCd12"),
                       folder("cellmesh-12-AbCd123"), folder("other-12-AbCd12")};
  cm::test::write_file(temp / "cellmesh-13-AbCd12", "a file");
  const fs::path target = folder("target");
  fs::create_directory_symlink(target, temp / "cellmesh-14-AbCd12");
  ASSERT_TRUE(PrivateDir::make());
  for (const auto& path : others) EXPECT_TRUE(fs::exists(path / "0-game.so")) << path;
  EXPECT_TRUE(fs::exists(temp / "cellmesh-13-AbCd12"));
  EXPECT_TRUE(fs::is_symlink(temp / "cellmesh-14-AbCd12"));
  EXPECT_TRUE(fs::exists(target / "0-game.so"));
}

TEST_F(PrivateDirTest, WithoutAPlaceForItTheCureIsTold) {
  ::setenv("TMPDIR", "/proc/no/such/place", 1);
  const auto made = PrivateDir::make();
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().text.find("TMPDIR"), std::string::npos) << made.error().text;
}

}  // namespace
}  // namespace cm::plugin
