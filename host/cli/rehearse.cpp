#include "cli/command.hpp"
#include "plugin/rehearsal.hpp"

namespace cm::cli {

Command rehearse_command() {
  return {.name = "rehearse",
          .arguments = "",
          .summary = "",
          .details = "What a host runs to try a new version of a plugin; it reads its orders from standard input.\n",
          .flags = {},
          .min_words = 0,
          .max_words = 0,
          .run = [](const Arguments&) { return plugin::run_rehearsal(); }};
}

}  // namespace cm::cli
