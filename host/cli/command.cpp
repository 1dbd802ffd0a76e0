#include "cli/command.hpp"

#include <algorithm>
#include <exception>
#include <iostream>
#include <string_view>

#include "base/closest.hpp"
#include "cellmesh/abi/version.h"

namespace cm::cli {
namespace {

constexpr std::string_view kExitCodes = "Exit codes: 0 done, 1 failed, 2 wrong usage.\n";

std::string overview(std::span<const Command> commands) {
  std::string out =
      "cellmesh, a gateway and service mesh for games\n\n"
      "Usage: cellmesh COMMAND [...]\n\n";
  std::size_t column = 0;
  const auto head = [](const Command& c) { return "  " + c.name + (c.arguments.empty() ? "" : " " + c.arguments); };
  for (const Command& c : commands) {
    if (!c.summary.empty()) column = std::max(column, head(c).size() + 3);
  }
  for (const Command& c : commands) {
    if (c.summary.empty()) continue;
    std::string line = head(c);
    line.resize(column, ' ');
    out += line + c.summary + "\n";
  }
  out +=
      "\n`cellmesh help COMMAND` says more of one. `cellmesh --version` tells the version.\n" + std::string(kExitCodes);
  return out;
}

std::string help(const Command& c) {
  std::string out = "Usage: cellmesh " + c.name + (c.flags.empty() ? "" : " [FLAGS]") +
                    (c.arguments.empty() ? "" : " " + c.arguments) + "\n\n" + c.summary + "\n";
  if (!c.details.empty()) out += "\n" + c.details;
  if (!c.flags.empty()) out += "\nFlags:\n" + describe_flags(c.flags);
  return out + "\n" + std::string(kExitCodes);
}

const Command* find(std::span<const Command> commands, std::string_view name) {
  const auto it = std::find_if(commands.begin(), commands.end(), [&](const Command& c) { return c.name == name; });
  return it == commands.end() ? nullptr : &*it;
}

int unknown(std::span<const Command> commands, const std::string& word, std::ostream& err) {
  std::vector<std::string_view> names{"help"};
  for (const Command& c : commands) names.push_back(c.name);
  const std::string meant = base::did_you_mean(word, names);
  err << "cellmesh: there is no command \"" << word << "\"" << (meant.empty() ? "; `cellmesh help` lists them" : meant)
      << "\n";
  return kUsage;
}

int wrong_usage(const Command& command, const std::string& why, std::ostream& err) {
  err << "cellmesh " << command.name << ": " << why << "\n`cellmesh help " << command.name
      << "` says how it is used.\n";
  return kUsage;
}

int run(const Command& command, std::span<const std::string> args, std::ostream& out, std::ostream& err) {
  const auto arguments = parse_arguments(command.flags, args);
  if (arguments.has_error()) return wrong_usage(command, arguments.error().text, err);
  if (arguments->help) {
    out << help(command);
    return kOk;
  }
  if (arguments->words.size() < command.min_words) return wrong_usage(command, "it needs " + command.arguments, err);
  if (arguments->words.size() > command.max_words) {
    return wrong_usage(command, "\"" + arguments->words[command.max_words] + "\" is one word too many", err);
  }
  try {
    return command.run(*arguments);
  } catch (const std::exception& e) {
    err << "cellmesh " << command.name << ": " << e.what() << "\n";
    return kFailed;
  }
}

}  // namespace

int dispatch(std::span<const Command> commands, std::span<const std::string> args, std::ostream& out,
             std::ostream& err) {
  if (args.empty()) {
    err << overview(commands);
    return kUsage;
  }
  const std::string& word = args.front();
  const auto rest = args.subspan(1);
  if (word == "--version" || word == "version") {
    out << "cellmesh " CELLMESH_VERSION ", plugin ABI " << CM_ABI_MAJOR << '.' << CM_ABI_MINOR << '\n';
    return kOk;
  }
  if (word == "help" || word == "--help" || word == "-h") {
    if (rest.empty()) {
      out << overview(commands);
      return kOk;
    }
    const Command* command = find(commands, rest.front());
    if (command == nullptr) return unknown(commands, rest.front(), err);
    out << help(*command);
    return kOk;
  }
  const Command* command = find(commands, word);
  return command == nullptr ? unknown(commands, word, err) : run(*command, rest, out, err);
}

int fail(const std::string& sentence) {
  std::cerr << "cellmesh: " << sentence << "\n";
  return kFailed;
}

}  // namespace cm::cli
