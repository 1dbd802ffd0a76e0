#include "cli/new_project.hpp"

#include <gmock/gmock.h>

#include "support/temp_dir.hpp"

namespace cm::cli {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ProjectName, WordsJoinedEitherWayAreAKindAndAClass) {
  for (const char* text : {"my-game", "my_game"}) {
    const auto name = ProjectName::parse(text);
    ASSERT_TRUE(name) << text;
    EXPECT_EQ(name->name, "my_game");
    EXPECT_EQ(name->class_name, "MyGame");
  }
  EXPECT_EQ(ProjectName::parse("dice")->class_name, "Dice");
  EXPECT_EQ(ProjectName::parse("rock3-paper2go")->class_name, "Rock3Paper2go");
  EXPECT_EQ(ProjectName::parse("namespace")->class_name, "Namespace") << "the class is the word's only use in C++";
}

TEST(ProjectName, WhatCannotBeAServiceIsRefusedWithTheRule) {
  const std::string long_one(41, 'a');
  for (const std::string_view text : {"", "Game", "my game", "my--game", "-game", "game-", "2game", "my-2", "a-b", "x",
                                      "../game", "my.game", "spiel\xC3\xA4", long_one.c_str()}) {
    const auto name = ProjectName::parse(text);
    ASSERT_TRUE(name.has_error()) << text;
    EXPECT_THAT(name.error().text, HasSubstr("a name is words of two or more")) << text;
  }
  EXPECT_TRUE(ProjectName::parse(std::string(40, 'a')));
}

TEST(ProjectName, TakenOnesAreRefusedWithAnother) {
  for (const char* text : {"game", "host", "test", "edit-cache"}) {
    const auto name = ProjectName::parse(text);
    ASSERT_TRUE(name.has_error()) << text;
    EXPECT_THAT(name.error().text, HasSubstr("is taken"));
  }
  EXPECT_THAT(ProjectName::parse("game").error().text, HasSubstr("my-game"));
}

class NewProject : public testing::Test {
 protected:
  NewProject() {
    write(sources.template_dir / "NAME.cpp.in", "class @Class@ of @name@ in @prefix@; @other@\n");
    write(sources.template_dir / ".gitignore.in", "/build/\n");
    write(sources.template_dir / "notes.txt", "no part of it\n");
  }
  static void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    test::write_file(path, text);
  }
  std::string refusal(const fs::path& to) {
    const auto made = make_project(sources, {"my_game", "MyGame"}, to);
    return made.has_error() ? made.error().text : "made";
  }

  TempDir folder;
  ProjectSources sources{folder / "template", "/opt/cell\"mesh"};
};

TEST_F(NewProject, IsTheTemplateWithItsName) {
  const fs::path to = folder / "deep" / "my-game";
  const auto made = make_project(sources, {"my_game", "MyGame"}, to);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_THAT(*made, ElementsAre(".gitignore", "my_game.cpp"));
  EXPECT_EQ(test::read_file(to / "my_game.cpp"), "class MyGame of my_game in /opt/cell\"mesh; @other@\n");
  EXPECT_FALSE(fs::exists(to / "notes.txt"));
}

TEST_F(NewProject, MayFillAnEmptyFolderAndTouchesNoOther) {
  fs::create_directories(folder / "empty");
  EXPECT_EQ(refusal(folder / "empty"), "made");
  write(folder / "full" / "mine.txt", "mine");
  EXPECT_THAT(refusal(folder / "full"), HasSubstr("is not empty"));
  EXPECT_FALSE(fs::exists(folder / "full" / "my_game.cpp"));
  EXPECT_THAT(refusal(folder / "full" / "mine.txt"), HasSubstr("is no folder"));
  EXPECT_THAT(refusal(folder / "full" / "mine.txt" / "below"), HasSubstr("mine.txt"));
}

TEST_F(NewProject, WithoutATemplateMakesNothing) {
  sources.template_dir = folder / "nowhere";
  EXPECT_THAT(refusal(folder / "new"), HasSubstr("nowhere"));
  EXPECT_FALSE(fs::exists(folder / "new"));
  const auto none = ProjectSources::of(folder / "bin" / "cellmesh");
  ASSERT_TRUE(none.has_error());
  EXPECT_THAT(none.error().text, HasSubstr("cmake --install"));
}

TEST_F(NewProject, SourcesAreFoundFromTheProgram) {
  fs::create_directories(folder / "share" / "cellmesh" / "template");
  const auto built = ProjectSources::of(folder / "bin" / "cellmesh");
  ASSERT_TRUE(built);
  EXPECT_EQ(built->template_dir, folder / "share" / "cellmesh" / "template");
  EXPECT_EQ(built->prefix, "") << "no SDK is installed there";
  write(folder / CELLMESH_LIBDIR / "cmake" / "cellmesh" / "cellmeshConfig.cmake", "");
  EXPECT_EQ(ProjectSources::of(folder / "bin" / "cellmesh")->prefix, folder.path());
}

}  // namespace
}  // namespace cm::cli
