#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace cm::cli {

// A flag of a command: `--name VALUE` or `--name=VALUE`; a switch, `--name` or `--name=false`, when `value` is empty.
struct Flag {
  std::string name;   // without the dashes
  std::string value;  // what stands for its value in the help
  std::string help;
  std::string separator = {};  // of a list: given again, its values are joined by it; any other value is given once
  bool secret = false;         // its value may hold a secret: hide_secrets()
};

// What a command line holds, checked against the flags that there are. Of a switch given twice, the last one counts.
struct Arguments {
  std::map<std::string, std::string, std::less<>> flags;  // a switch is "true" or "false"
  std::vector<std::string> words;                         // what is no flag, and all behind `--`
  bool help = false;                                      // --help or -h

  // The flag's value, or this one when it was not given.
  [[nodiscard]] std::string get(std::string_view flag, std::string_view otherwise = "") const;
  [[nodiscard]] bool has(std::string_view flag) const { return flags.contains(flag); }
  // A switch that is on.
  [[nodiscard]] bool on(std::string_view flag) const { return get(flag) == "true"; }
};

// Refuses an unknown flag, with the one that was probably meant, a flag without its value, and a second value of one
// that is no list.
base::Result<Arguments> parse_arguments(std::span<const Flag> flags, std::span<const std::string> args);

// One aligned block of lines, `  --consul URL   Where Consul is.`; long helps are wrapped.
std::string describe_flags(std::span<const Flag> flags);

// Breaks text into lines of at most `width`, between words; each but the first is indented.
std::string wrap(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace cm::cli
