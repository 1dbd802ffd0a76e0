#include "cli/hide_secrets.hpp"

#include <algorithm>
#include <string_view>

namespace cm::cli {
namespace {

void hide(char* value, const Flag& flag) {
  const bool list = !flag.separator.empty();
  bool hidden = !list;
  for (; *value != '\0'; ++value) {
    if (list && flag.separator.find(*value) != std::string::npos) {
      hidden = false;
    } else if (hidden) {
      *value = '*';
    } else {
      hidden = *value == '=';
    }
  }
}

const Flag* secret_flag(const Command& command, std::string_view name) {
  const auto it = std::find_if(command.flags.begin(), command.flags.end(),
                               [&](const Flag& flag) { return flag.secret && flag.name == name; });
  return it == command.flags.end() ? nullptr : &*it;
}

}  // namespace

void hide_secrets(std::span<const Command> commands, std::span<char*> argv) {
  if (argv.size() < 2) return;
  const auto command =
      std::find_if(commands.begin(), commands.end(), [&](const Command& c) { return c.name == argv[1]; });
  if (command == commands.end()) return;
  for (std::size_t i = 2; i < argv.size(); ++i) {
    const std::string_view arg = argv[i];
    if (!arg.starts_with("--")) continue;
    const auto equals = arg.find('=');
    const Flag* flag = secret_flag(*command, arg.substr(2, equals == arg.npos ? arg.npos : equals - 2));
    if (flag == nullptr) continue;
    if (equals != arg.npos) {
      hide(argv[i] + equals + 1, *flag);
    } else if (i + 1 < argv.size()) {
      hide(argv[++i], *flag);
    }
  }
}

}  // namespace cm::cli
