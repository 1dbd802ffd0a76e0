#include "cli/flags.hpp"

#include <algorithm>

#include "base/closest.hpp"

namespace cm::cli {
namespace {

constexpr std::size_t kWidth = 100;

const Flag* find(std::span<const Flag> flags, std::string_view name) {
  const auto it = std::find_if(flags.begin(), flags.end(), [&](const Flag& f) { return f.name == name; });
  return it == flags.end() ? nullptr : &*it;
}

base::Error unknown(std::span<const Flag> flags, std::string_view arg, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Flag& flag : flags) names.push_back(flag.name);
  const std::string_view meant = base::closest(name, names);
  return base::error("there is no flag " + std::string(arg) +
                     (meant.empty() ? "; --help lists them" : "; did you mean --" + std::string(meant) + "?"));
}

base::Error given_twice(const std::string& flag, bool secret, const std::string& first, const std::string& second) {
  if (secret) return base::error(flag + " is given twice; give one");
  return base::error(flag + " is given twice, \"" + first + "\" and \"" + second + "\"; give one");
}

std::string head(const Flag& flag) { return "  --" + flag.name + (flag.value.empty() ? "" : " " + flag.value); }

}  // namespace

std::string Arguments::get(std::string_view flag, std::string_view otherwise) const {
  const auto it = flags.find(flag);
  return it == flags.end() ? std::string(otherwise) : it->second;
}

base::Result<Arguments> parse_arguments(std::span<const Flag> flags, std::span<const std::string> args) {
  Arguments out;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg == "--") {
      out.words.insert(out.words.end(), args.begin() + static_cast<std::ptrdiff_t>(i) + 1, args.end());
      break;
    }
    if (arg == "--help" || arg == "-h") {
      out.help = true;
      continue;
    }
    const bool number = arg.size() > 1 && arg[1] >= '0' && arg[1] <= '9';  // a value such as -1
    if (arg.size() < 2 || arg.front() != '-' || number) {
      out.words.push_back(arg);
      continue;
    }
    const auto equal = arg.find('=');
    const std::string written = arg.substr(0, equal);
    const std::string name = written.substr(std::min(written.find_first_not_of('-'), written.size()));
    const Flag* flag = written.starts_with("--") ? find(flags, written.substr(2)) : nullptr;
    if (flag == nullptr) return unknown(flags, written, name);
    if (flag->value.empty()) {
      const std::string value = equal == std::string::npos ? "true" : arg.substr(equal + 1);
      if (value != "true" && value != "false")
        return base::error(written + " is a switch; write it alone, or " + written + "=false");
      out.flags[flag->name] = value;
      continue;
    }
    if (equal == std::string::npos && (i + 1 == args.size() || args[i + 1].starts_with("--"))) {
      return base::error(written + " needs a value: " + written + " " + flag->value);
    }
    const std::string value = equal == std::string::npos ? args[++i] : arg.substr(equal + 1);
    const auto [before, is_first] = out.flags.try_emplace(flag->name, value);
    if (is_first) continue;
    if (flag->separator.empty()) return given_twice(written, flag->secret, before->second, value);
    before->second += flag->separator + value;
  }
  return out;
}

std::string describe_flags(std::span<const Flag> flags) {
  std::size_t column = 0;
  for (const Flag& flag : flags) column = std::max(column, head(flag).size() + 3);
  std::string out;
  for (const Flag& flag : flags) {
    std::string line = head(flag);
    line.resize(column, ' ');
    const std::string again = flag.separator.empty() ? "" : " May be given again.";
    out += line + wrap(flag.help + again, kWidth - column, column) + "\n";
  }
  return out;
}

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (used > 0 && used + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      used = 0;
    }
    if (used > 0) {
      out += ' ';
      ++used;
    }
    out += word;
    used += word.size();
  }
  return out;
}

}  // namespace cm::cli
