#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#include "cli/flags.hpp"

namespace cm::cli {

// Exit codes of every command.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;

// A word behind `cellmesh`.
struct Command {
  std::string name;
  std::string arguments;  // in the usage line: "FILE.so"; empty: none
  std::string summary;    // one line; empty: not for people, and not in the overview
  std::string details;    // what --help says besides, whole lines
  std::vector<Flag> flags;
  std::size_t min_words = 0;
  std::size_t max_words = 0;
  std::function<int(const Arguments&)> run;  // returns the exit code
};

// The commands, each made by the file that knows it.
Command acl_policy_command();
Command bots_command();
Command host_command();
Command chat_command();
Command check_command();
Command ctl_command();
Command manifest_command();
Command new_command();
Command rehearse_command();

// Runs the command that the arguments (without the program's name) ask for; answers help, --version and mistakes
// itself. Returns the exit code.
int dispatch(std::span<const Command> commands, std::span<const std::string> args, std::ostream& out,
             std::ostream& err);

// Says a sentence of an error on standard error, and returns the exit code.
int fail(const std::string& sentence);

}  // namespace cm::cli
