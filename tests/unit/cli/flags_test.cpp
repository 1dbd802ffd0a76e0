#include "cli/flags.hpp"

#include <gmock/gmock.h>

#include "cli/command.hpp"
#include "cli/hide_secrets.hpp"

namespace cm::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<Flag> kFlags{{"dev", "", "A switch."},
                               {"consul", "URL", "A value."},
                               {"plugin-dir", "DIR", "Another."},
                               {"set", "A=B", "A list.", ","}};

base::Result<Arguments> parse(std::vector<std::string> args) { return parse_arguments(kFlags, args); }
std::string refusal(std::vector<std::string> args) {
  const auto parsed = parse(std::move(args));
  EXPECT_TRUE(parsed.has_error());
  return parsed.has_error() ? parsed.error().text : "";
}

TEST(Flags, AValueStandsBehindItsFlagOrAnEqualSign) {
  EXPECT_EQ(parse({"--consul", "x"})->get("consul"), "x");
  EXPECT_EQ(parse({"--consul=x"})->get("consul"), "x");
  EXPECT_EQ(parse({"--consul=a=b"})->get("consul"), "a=b");
  EXPECT_EQ(parse({"--consul="})->get("consul", "not given"), "");
  EXPECT_EQ(parse({"--consul", "-1"})->get("consul"), "-1");
  EXPECT_EQ(parse({"--consul=--x"})->get("consul"), "--x");
}

TEST(Flags, ASwitchIsOnWhenItIsThere) {
  EXPECT_TRUE(parse({"--dev"})->on("dev"));
  EXPECT_TRUE(parse({"--dev=true"})->on("dev"));
  EXPECT_FALSE(parse({"--dev=false"})->on("dev"));
  EXPECT_TRUE(parse({"--dev=false"})->has("dev"));
  EXPECT_FALSE(parse({})->on("dev"));
}

TEST(Flags, ASwitchTakesNoWord) { EXPECT_THAT(parse({"--dev", "word"})->words, ElementsAre("word")); }

TEST(Flags, OfASwitchTheLastOneCounts) { EXPECT_FALSE(parse({"--dev", "--dev=false"})->on("dev")); }

TEST(Flags, AValueGivenTwiceIsRefused) {
  EXPECT_EQ(refusal({"--consul", "a", "--consul=b"}), "--consul is given twice, \"a\" and \"b\"; give one");
  EXPECT_THAT(refusal({"--consul=", "--consul", "b"}), HasSubstr("--consul is given twice"));
}

TEST(Flags, ThatMayHoldSecretsAreHiddenInTheCommandLine) {
  const std::vector<Command> commands{host_command(), bots_command()};
  const auto hidden = [&](std::vector<std::string> words) {
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    hide_secrets(commands, argv);
    std::string line;
    for (const auto& word : words) line += (line.empty() ? "" : " ") + word;
    return line;
  };
  EXPECT_EQ(hidden({"cellmesh", "host", "--dev", "--set", "data/database=pq://a:b@c; x/y=1", "--name", "a=b"}),
            "cellmesh host --dev --set data/database=**********; x/y=* --name a=b");
  EXPECT_EQ(hidden({"cellmesh", "host", "--set=a/b=c", "--set"}), "cellmesh host --set=a/b=* --set");
  EXPECT_EQ(hidden({"cellmesh", "bots", "--database", "pq://a:b@c", "--count", "2"}),
            "cellmesh bots --database ********** --count 2");
  EXPECT_EQ(hidden({"cellmesh"}), "cellmesh");
  EXPECT_EQ(hidden({"cellmesh", "--set", "a=b"}), "cellmesh --set a=b");
}

TEST(Flags, AListGivenTwiceIsOneList) {
  EXPECT_EQ(parse({"--set", "a=1", "--dev", "--set=b=2,c=3"})->get("set"), "a=1,b=2,c=3");
}

TEST(Flags, SettingsOfAHostAndOfRobotsAreListsAsEachReadsThem) {
  const auto set_of = [](const Command& command, const std::string& first, const std::string& second) {
    const auto parsed = parse_arguments(command.flags, std::vector<std::string>{"--set", first, "--set", second});
    return parsed ? parsed->get("set") : parsed.error().text;
  };
  EXPECT_EQ(set_of(host_command(), "login/port=0", "agent/transports=tcp,tls"),
            "login/port=0;agent/transports=tcp,tls");
  EXPECT_EQ(set_of(bots_command(), "scenario=connect", "ping_ms=777"), "scenario=connect,ping_ms=777");
}

TEST(Flags, WordsMayStandAnywhereAndBehindTwoDashesAllAreWords) {
  const auto parsed = parse({"a", "--dev", "b", "-", "--", "--consul", "-h"});
  EXPECT_THAT(parsed->words, ElementsAre("a", "b", "-", "--consul", "-h"));
  EXPECT_FALSE(parsed->help);
}

TEST(Flags, HelpIsSeenAnywhere) {
  EXPECT_TRUE(parse({"--help"})->help);
  EXPECT_TRUE(parse({"a", "-h"})->help);
}

TEST(Flags, AnUnknownFlagIsRefusedWithTheOneThatWasMeant) {
  EXPECT_EQ(refusal({"--cnsul", "x"}), "there is no flag --cnsul; did you mean --consul?");
  EXPECT_EQ(refusal({"--plugindir=x"}), "there is no flag --plugindir; did you mean --plugin-dir?");
  EXPECT_EQ(refusal({"-dev"}), "there is no flag -dev; did you mean --dev?");
  EXPECT_EQ(refusal({"--zebra"}), "there is no flag --zebra; --help lists them");
  EXPECT_THAT(refusal({"---"}), HasSubstr("there is no flag"));
}

TEST(Flags, AFlagWithoutItsValueIsRefused) {
  EXPECT_EQ(refusal({"--consul"}), "--consul needs a value: --consul URL");
  EXPECT_EQ(refusal({"--consul", "--dev"}), "--consul needs a value: --consul URL");
}

TEST(Flags, ASwitchWithAnotherValueIsRefused) { EXPECT_THAT(refusal({"--dev=maybe"}), HasSubstr("is a switch")); }

TEST(Flags, TheirHelpIsAligned) {
  EXPECT_EQ(describe_flags(kFlags),
            "  --dev              A switch.\n"
            "  --consul URL       A value.\n"
            "  --plugin-dir DIR   Another.\n"
            "  --set A=B          A list. May be given again.\n");
}

TEST(Flags, LongHelpIsWrappedBetweenWords) {
  EXPECT_EQ(wrap("one two three four", 9, 4), "one two\n    three\n    four");
  EXPECT_EQ(wrap("averylongword x", 5, 1), "averylongword\n x");
  EXPECT_EQ(wrap("", 5, 1), "");
}

}  // namespace
}  // namespace cm::cli
