#include "cli/new_project.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <utility>

namespace cm::cli {
namespace fs = std::filesystem;
using base::error;

namespace {

constexpr std::size_t kLongest = 40;
constexpr std::string_view kRule =
    "a name is words of two or more of a-z and 0-9, each beginning with a letter, joined by - or _, 40 characters at "
    "most: my-game";
// Of CMake, and of cellmesh itself: a host runs one plugin of a name, and has settings of its own under `host`.
constexpr std::array<std::string_view, 17> kTaken{
    "agent", "all", "cellmesh", "clean", "echo",    "echo_c",     "edit_cache", "game",         "help",
    "host",  "hub", "install",  "login", "package", "preinstall", "test",       "rebuild_cache"};
constexpr std::string_view kSuffix = ".in";

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Whether each of the words could be a CamelCase one of the class's name, and be found in it again.
bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kLongest) return false;
  std::size_t in_word = 0;
  for (const char c : text) {
    if (c == '_') {
      if (in_word < 2) return false;
      in_word = 0;
    } else if (is_lower(c) || (is_digit(c) && in_word > 0)) {
      ++in_word;
    } else {
      return false;
    }
  }
  return in_word >= 2;
}

std::string camel_case(std::string_view snake) {
  std::string out;
  bool begins = true;
  for (const char c : snake) {
    if (c != '_') out += begins ? static_cast<char>(c - 'a' + 'A') : c;
    begins = c == '_';
  }
  return out;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

base::Result<std::string> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return error("cannot read " + path.string());
  return text;
}

base::Status may_be_made(const fs::path& folder) {
  std::error_code ec;
  const auto status = fs::status(folder, ec);
  if (!fs::exists(status)) return {};
  if (!fs::is_directory(status))
    return error(folder.string() + " is there and is no folder; choose another with --dir");
  const bool empty = fs::is_empty(folder, ec);
  if (ec) return error("cannot look into " + folder.string() + ": " + ec.message());
  if (!empty) return error(folder.string() + " is there and is not empty; choose another with --dir, or remove it");
  return {};
}

struct NewFile {
  std::string name;
  std::string text;
};

base::Result<std::vector<NewFile>> fill_in(const ProjectSources& sources, const ProjectName& name) {
  std::vector<NewFile> files;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(sources.template_dir, ec)) {
    NewFile file{entry.path().filename().string(), {}};
    if (!file.name.ends_with(kSuffix)) continue;
    file.name.resize(file.name.size() - kSuffix.size());
    auto text = read_file(entry.path());
    if (text.has_error()) return text.error();
    file.text = std::move(*text);
    replace_all(file.name, "NAME", name.name);
    // CMake's own default where nothing else is known.
    replace_all(file.text, "@prefix@", sources.prefix.empty() ? "/usr/local" : sources.prefix.string());
    replace_all(file.text, "@name@", name.name);
    replace_all(file.text, "@Class@", name.class_name);
    files.push_back(std::move(file));
  }
  if (ec || files.empty()) return error("there is no template in " + sources.template_dir.string());
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

}  // namespace

base::Result<ProjectName> ProjectName::parse(std::string_view text) {
  ProjectName name{std::string(text), {}};
  std::replace(name.name.begin(), name.name.end(), '-', '_');
  const std::string quoted = "\"" + std::string(text.substr(0, 100)) + "\"";
  if (!is_name(name.name)) return error(quoted + " cannot be a plugin's name; " + std::string(kRule));
  if (std::find(kTaken.begin(), kTaken.end(), name.name) != kTaken.end()) {
    return error(quoted + " is taken, by cellmesh or by CMake; choose another name, my-" + name.name.substr(0, 37));
  }
  name.class_name = camel_case(name.name);
  return name;
}

base::Result<ProjectSources> ProjectSources::of(const fs::path& program) {
  const fs::path prefix = program.parent_path().parent_path();
  std::error_code ec;
  ProjectSources sources{prefix / CELLMESH_DATADIR / "cellmesh/template", {}};
  if (!fs::is_directory(sources.template_dir, ec)) {
    return error("there is no template at " + sources.template_dir.string() +
                 "; the program was moved without its share folder: use it where `cmake --install` put it");
  }
  if (fs::exists(prefix / CELLMESH_LIBDIR / "cmake/cellmesh/cellmeshConfig.cmake", ec)) sources.prefix = prefix;
  return sources;
}

base::Result<std::vector<std::string>> make_project(const ProjectSources& sources, const ProjectName& name,
                                                    const fs::path& folder) {
  if (auto may = may_be_made(folder); may.has_error()) return may.error();
  const auto files = fill_in(sources, name);
  if (files.has_error()) return files.error();
  std::error_code ec;
  fs::create_directories(folder, ec);
  if (ec) return error("cannot make " + folder.string() + ": " + ec.message());
  std::vector<std::string> written;
  for (const NewFile& file : *files) {
    std::ofstream out(folder / file.name, std::ios::binary);
    out << file.text << std::flush;
    if (!out) return error("cannot write " + (folder / file.name).string() + "; is there room, and may you?");
    written.push_back(file.name);
  }
  return written;
}

}  // namespace cm::cli
