#include <cstdint>
#include <utility>

#include "cli/chat.hpp"
#include "cli/command.hpp"
#include "cli/login_flags.hpp"

namespace cm::cli {
namespace {

constexpr std::uint16_t kLoginPort = 8001;

int run(const Arguments& arguments) {
  ChatConfig config;
  config.name = arguments.get("name", default_chat_name());
  const auto usage = [](const std::string& why) {
    fail(why);
    return kUsage;
  };
  if (const auto checked = check_chat_name(config.name); checked.has_error()) return usage(checked.error().text);
  auto way = way_in(arguments, kLoginPort);
  if (!way) return usage(way.error().text);
  config.find_login = std::move(way->find_login);
  config.trust = std::move(way->trust);
  return run_chat(std::move(config));
}

}  // namespace

Command chat_command() {
  Command command{
      .name = "chat",
      .arguments = "",
      .summary = "Joins the chat of a mesh, as a player.",
      .details =
          "Every line that you type goes to all players, theirs are shown. A connection that is lost is made "
          "again, what\n"
          "you type meanwhile is kept. Ctrl-D leaves.\n\n"
          "Input from a pipe or a file is sent line by line; ends when the last line has come back, and fails when "
          "one\n"
          "did not. The chat goes to standard output then, what else there is to say to standard error.\n",
      .flags = {{"name", "NAME",
                 "Who you are: 1 to 26 of a-z, A-Z, 0-9, \"-\", \"_\" and \".\" (your user name and a number)."}},
      .run = run};
  const auto login = login_flags();
  command.flags.insert(command.flags.end(), login.begin(), login.end());
  return command;
}

}  // namespace cm::cli
