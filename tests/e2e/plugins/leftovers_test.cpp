// What hosts that were killed leave behind.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "support/host.hpp"
#include "support/temp_dir.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;

TEST(Leftovers, TheNextHostRemovesTheCopiesOfPluginsThatAKilledOneLeft) {
  TempDir folder;
  const fs::path temp = folder / "tmp";
  fs::create_directory(temp);
  const auto copies = [&] {
    std::set<fs::path> all;
    for (const auto& entry : fs::directory_iterator(temp)) all.insert(entry.path());
    return all;
  };
  Host host(
      {.folder = folder / "host", .arguments = {"--dev", "--login-port", "0"}, .env = {{"TMPDIR", temp.string()}}});
  host.await_ready();
  const auto of_first = copies();
  EXPECT_EQ(of_first.size(), 1U);
  host.kill9();
  EXPECT_EQ(copies(), of_first);
  host.start();
  host.await_ready();
  EXPECT_EQ(copies().size(), 1U);
  EXPECT_NE(copies(), of_first);
  EXPECT_EQ(host.stop(), 0);
  EXPECT_TRUE(copies().empty());
}

}  // namespace
}  // namespace cm::test
