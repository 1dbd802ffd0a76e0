#include "cli/command.hpp"

#include <sstream>
#include <stdexcept>

#include <gmock/gmock.h>

namespace cm::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

struct CommandTest : testing::Test {
  int run(const std::vector<std::string>& args) {
    out.str("");
    err.str("");
    return dispatch(commands, args, out, err);
  }
  std::vector<Command> commands{
      {.name = "greet",
       .arguments = "WHOM",
       .summary = "Says hello.",
       .details = "And nothing else.\n",
       .flags = {{"loud", "", "Loudly."}},
       .min_words = 1,
       .max_words = 2,
       .run =
           [this](const Arguments& a) {
             seen = a;
             return 7;
           }},
      {.name = "chat", .arguments = "", .summary = "Chats.", .details = "", .flags = {}, .run = {}}};
  Arguments seen;
  std::ostringstream out, err;
};

TEST_F(CommandTest, ACommandGetsItsArgumentsAndItsExitCodeIsThePrograms) {
  EXPECT_EQ(run({"greet", "ann", "--loud"}), 7);
  EXPECT_THAT(seen.words, testing::ElementsAre("ann"));
  EXPECT_TRUE(seen.on("loud"));
}

TEST_F(CommandTest, HelpListsTheCommandsAndTheExitCodes) {
  for (const std::string word : {"help", "--help", "-h"}) {
    EXPECT_EQ(run({word}), kOk);
    EXPECT_THAT(out.str(), AllOf(HasSubstr("greet WHOM   Says hello."), HasSubstr("chat         Chats."),
                                 HasSubstr("Exit codes: 0")));
    EXPECT_THAT(err.str(), IsEmpty());
  }
}

TEST_F(CommandTest, ACommandExplainsItself) {
  for (const auto& args :
       {std::vector<std::string>{"help", "greet"}, {"greet", "--help"}, {"greet", "-h", "too", "many", "words"}}) {
    EXPECT_EQ(run(args), kOk);
    EXPECT_THAT(out.str(), AllOf(HasSubstr("Usage: cellmesh greet [FLAGS] WHOM"), HasSubstr("And nothing else."),
                                 HasSubstr("--loud"), HasSubstr("Exit codes: 0")));
  }
}

TEST_F(CommandTest, NoCommandIsWrongUsageAndShowsTheHelp) {
  EXPECT_EQ(run({}), kUsage);
  EXPECT_THAT(err.str(), HasSubstr("Usage: cellmesh COMMAND"));
}

TEST_F(CommandTest, AnUnknownCommandIsWrongUsageWithTheOneThatWasMeant) {
  EXPECT_EQ(run({"gret"}), kUsage);
  EXPECT_THAT(err.str(), HasSubstr("there is no command \"gret\"; did you mean \"greet\"?"));
  EXPECT_EQ(run({"zebra"}), kUsage);
  EXPECT_THAT(err.str(), HasSubstr("`cellmesh help` lists them"));
  EXPECT_EQ(run({"help", "caht"}), kUsage);
  EXPECT_THAT(err.str(), HasSubstr("did you mean \"chat\"?"));
}

TEST_F(CommandTest, WrongWordsAndFlagsAreWrongUsage) {
  EXPECT_EQ(run({"greet"}), kUsage);
  EXPECT_THAT(err.str(), HasSubstr("it needs WHOM"));
  EXPECT_EQ(run({"greet", "a", "b", "c"}), kUsage);
  EXPECT_THAT(err.str(), HasSubstr("\"c\" is one word too many"));
  EXPECT_EQ(run({"greet", "a", "--lout"}), kUsage);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("did you mean --loud?"), HasSubstr("`cellmesh help greet` says")));
}

TEST_F(CommandTest, ACommandThatThrowsHasFailed) {
  commands[1].run = [](const Arguments&) -> int { throw std::runtime_error("out of luck"); };
  EXPECT_EQ(run({"chat"}), kFailed);
  EXPECT_EQ(err.str(), "cellmesh chat: out of luck\n");
}

TEST_F(CommandTest, TheVersionIsOneLine) {
  EXPECT_EQ(run({"--version"}), kOk);
  EXPECT_THAT(out.str(), testing::MatchesRegex("cellmesh [0-9]+\\.[0-9]+\\.[0-9]+, plugin ABI [0-9]+\\.[0-9]+\n"));
}

TEST(Commands, EachShippedOneExplainsItself) {
  const std::vector<Command> commands{host_command(), chat_command(), ctl_command(), manifest_command()};
  for (const auto& command : commands) {
    std::ostringstream out, err;
    EXPECT_EQ(dispatch(commands, std::vector<std::string>{"help", command.name}, out, err), kOk);
    for (const Flag& flag : command.flags) EXPECT_THAT(out.str(), HasSubstr("--" + flag.name));
    std::string line;
    for (std::istringstream text(out.str()); std::getline(text, line);) EXPECT_LE(line.size(), 120U) << line;
  }
}

TEST(Commands, TheHostHasTheFlagsThatItsScriptsUse) {
  const Command host = host_command();
  for (const std::string name :
       {"dev", "consul", "bootstrap", "group", "index", "plugin-dir", "plugins", "admin-socket", "ready-file",
        "link-listen", "name", "mesh", "log-level", "log-file", "io-workers"}) {
    EXPECT_THAT(host.flags, testing::Contains(testing::Field(&Flag::name, name)));
  }
}

}  // namespace
}  // namespace cm::cli
