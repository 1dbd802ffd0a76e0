#pragma once

#include <span>

#include "cli/command.hpp"

namespace cm::cli {

// Overwrites with `*`, in place, the values of flags that may hold secrets: other users of the machine read the command
// line of every process. Of a list (`--set a=1;b=2`) the values behind each `=`. They were there for a moment: a secret
// belongs into a file or a variable. Call once `argv`, with the program's name first, was copied. [main thread]
void hide_secrets(std::span<const Command> commands, std::span<char*> argv);

}  // namespace cm::cli
