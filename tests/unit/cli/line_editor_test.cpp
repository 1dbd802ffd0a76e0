#include "cli/line_editor.hpp"

#include <gmock/gmock.h>

namespace cm::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct LineEditorTest : testing::Test {
  bool type(std::string_view keys) { return editor.feed(keys, lines); }
  LineEditor editor;
  std::vector<std::string> lines;
};

TEST_F(LineEditorTest, EnterFinishesALine) {
  EXPECT_FALSE(type("he"));
  EXPECT_EQ(editor.text(), "he");
  EXPECT_FALSE(type("llo\rand\nmore"));
  EXPECT_THAT(lines, ElementsAre("hello", "and"));
  EXPECT_EQ(editor.text(), "more");
}

TEST_F(LineEditorTest, BackspaceTakesAWholeCharacter) {
  type("ö日a\x7f\x7f");
  EXPECT_EQ(editor.text(), "ö");
  type("\x08\x08\x7f");
  EXPECT_EQ(editor.text(), "");
}

TEST_F(LineEditorTest, ControlKeysTakeAWordOrAllAway) {
  type("one two  \x17");
  EXPECT_EQ(editor.text(), "one ");
  type("\x15");
  EXPECT_EQ(editor.text(), "");
}

TEST_F(LineEditorTest, ControlDIsTheEndOfAnEmptyLineOnly) {
  EXPECT_FALSE(type("x\x04"));
  EXPECT_EQ(editor.text(), "x");
  EXPECT_TRUE(type("\x7f\x04ignored"));
  EXPECT_EQ(editor.text(), "");
}

TEST_F(LineEditorTest, ArrowAndFunctionKeysDoNothing) {
  type(
      "a\x1b[A\x1b[1;5C\x1bOP\x1b[3~\x1b"
      "fb");
  EXPECT_EQ(editor.text(), "ab");
  type("\x1b");
  type("[");
  type("Dc");
  EXPECT_EQ(editor.text(), "abc");
}

TEST_F(LineEditorTest, OtherControlCharactersAreNotTaken) {
  type(std::string_view("a\0\x01\x07\tb", 6));
  EXPECT_EQ(editor.text(), "a b");
  EXPECT_THAT(lines, IsEmpty());
}

TEST_F(LineEditorTest, AnEndlessLineIsBounded) {
  for (int i = 0; i < 100; ++i) type(std::string(1000, 'x'));
  EXPECT_EQ(editor.text().size(), LineEditor::kLongest);
}

}  // namespace
}  // namespace cm::cli
