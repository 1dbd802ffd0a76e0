#include <filesystem>
#include <iostream>

#include "cli/command.hpp"
#include "cli/new_project.hpp"
#include "cli/text.hpp"

namespace cm::cli {
namespace fs = std::filesystem;

namespace {

int run(const Arguments& arguments) {
  const std::string& word = arguments.words[0];
  const auto name = ProjectName::parse(word);
  if (name.has_error()) {
    fail(printable(name.error().text));
    return kUsage;
  }
  std::error_code ec;
  const auto sources = ProjectSources::of(fs::read_symlink("/proc/self/exe", ec));
  if (sources.has_error()) return fail(sources.error().text);
  const fs::path folder = arguments.get("dir", word);
  const auto written = make_project(*sources, *name, folder);
  if (written.has_error()) return fail(printable(written.error().text));

  std::cout << "made " << printable(folder.string()) << ":";
  for (const auto& file : *written) std::cout << " " << file;
  std::cout << "\n\n  cd " << printable(folder.string())
            << "\n  cmake --workflow --preset dev   # builds and tests it\n"
            << "  cmake --install build           # puts it where the host looks\n";
  if (sources->prefix.empty()) {
    std::cout << "\nThere is no SDK beside this program. `cmake --install BUILD --prefix PREFIX` installs one; then\n"
                 "name PREFIX in cellmesh.local.cmake, in place of /usr/local.\n";
  }
  return std::cout ? kOk : kFailed;
}

}  // namespace

Command new_command() {
  return {.name = "new",
          .arguments = "NAME",
          .summary = "Makes the folder of a new plugin, which builds, tests and loads.",
          .details =
              "A .proto, a service, a test of it, CMake with presets, and a README of what to do next. `cellmesh new\n"
              "my-game` makes the folder my-game, with the service my_game in the class MyGame.\n",
          .flags = {{"dir", "DIR", "The folder to make instead; it is not there yet, or is empty."}},
          .min_words = 1,
          .max_words = 1,
          .run = run};
}

}  // namespace cm::cli
