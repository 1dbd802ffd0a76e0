#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace cm::cli {

// What a plugin is called: `my-game` and `my_game` are the service `my_game` of the class `MyGame`.
struct ProjectName {
  std::string name;
  std::string class_name;

  // Refuses what no service could be called, with what a name may be.
  static base::Result<ProjectName> parse(std::string_view text);
};

// Where the program has the template, and the SDK that is installed with it.
struct ProjectSources {
  std::filesystem::path template_dir;
  std::filesystem::path prefix;  // empty: no SDK is installed beside it

  // Found from the program's own path, in a build tree and where it was installed.
  static base::Result<ProjectSources> of(const std::filesystem::path& program);
};

// Makes the folder of a new plugin, which is not there yet or is empty. The files that it wrote, in order.
base::Result<std::vector<std::string>> make_project(const ProjectSources& sources, const ProjectName& name,
                                                    const std::filesystem::path& folder);

}  // namespace cm::cli
