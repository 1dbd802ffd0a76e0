// From nothing to a plugin that answers a client, as `cellmesh new` begins it.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "e2e/plugins/outside.hpp"
#include "support/deployment.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(NewPlugin, BuildsTestsAndServesAsItIs) {
  TempDir folder;
  const fs::path prefix = folder / "prefix";
  install_to(prefix);
  const std::string program = prefix / "bin" / "cellmesh";
  EXPECT_THAT(must_run({program, "new", "my-game"}, folder.path()), HasSubstr("my_game_test.cpp"));
  const fs::path game = folder / "my-game";
  EXPECT_THAT(must_run({"cmake", "--workflow", "--preset", "dev"}, game), HasSubstr("100% tests passed"));
  // What is shared names no folder of this machine, and what editors read no flag of one compiler.
  for (const auto& entry : fs::directory_iterator(game)) {
    if (!entry.is_regular_file() || entry.path().filename() == "cellmesh.local.cmake") continue;
    EXPECT_THAT(read_file(entry.path()), testing::Not(HasSubstr(folder.path().string()))) << entry.path();
  }
  EXPECT_THAT(read_file(game / ".gitignore"), HasSubstr("cellmesh.local.cmake"));
  const auto commands = read_file(game / "build" / "compile_commands.json");
  EXPECT_THAT(commands, HasSubstr("my_game.cpp"));
  EXPECT_THAT(commands, testing::Not(HasSubstr("gnu-unique")));
  // On another machine.
  fs::copy(game, folder / "clone");
  fs::remove(folder / "clone" / "cellmesh.local.cmake");
  must_run({"env", "PATH=" + (prefix / "bin").string() + ":" + std::getenv("PATH"), "cmake", "--preset", "dev"},
           folder / "clone");
  EXPECT_THAT(must_run({program, "manifest", "build/plugins/my_game.so"}, game), HasSubstr("my_game_proto.HelloREQ"));

  copy_plugins(folder / "plugins");
  Deployment mesh(Shape::embedded, {.plugin_dir = folder / "plugins", .arguments = {}, .env = {}});
  mesh.set("agent/max_refused", "1000000");  // it asks until the plugin is there
  Client player = mesh.player();
  fs::copy(game / "build" / "plugins" / "my_game.so", folder / "plugins" / "my_game.so");
  std::string answer;
  ASSERT_TRUE(wait_until([&] {
    return (answer = greeting(player, "my_game_protoHello", "Ann")).starts_with("Hello, Ann!");
  })) << answer;
  EXPECT_EQ(greeting(player, "my_game_protoHello", "Bob"), "Hello, Bob! You are visitor 2.");

  must_run({"cmake", "--install", "build"}, game);
  EXPECT_TRUE(fs::exists(prefix / CM_E2E_LIBDIR / "cellmesh" / "plugins" / "my_game.so")) << "where a host looks";
}

TEST(NewPlugin, MistakesAreToldWithTheCure) {
  TempDir folder;
  const auto said = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {program().string(), "new"});
    const auto finished = run({.command = std::move(words), .env = {}, .folder = folder.path(), .log = {}});
    return finished ? std::to_string(finished->code) + " " + finished->output : "hangs";
  };
  EXPECT_THAT(said({"My Game"}), HasSubstr("2 cellmesh: \"My Game\" cannot be a plugin's name; a name is words"));
  EXPECT_THAT(said({"game"}), HasSubstr("2 cellmesh: \"game\" is taken"));
  EXPECT_THAT(said({}), HasSubstr("2 cellmesh new: it needs NAME"));
  EXPECT_THAT(said({"dice", "--dir", "a/b"}), HasSubstr("0 made a/b: .gitignore CMakeLists.txt"));
  EXPECT_THAT(said({"dice", "--dir", "a/b"}), HasSubstr("1 cellmesh: a/b is there and is not empty"));
  EXPECT_THAT(said({"dice", "--dir", "a/b/README.md"}),
              HasSubstr("1 cellmesh: a/b/README.md is there and is no folder"));
}

}  // namespace
}  // namespace cm::test
