#include "check/examine.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string_view>
#include <vector>

#include "base/child_process.hpp"
#include "check/subject.hpp"

namespace cm::check {
namespace {

constexpr std::size_t kMemory = std::size_t{3} << 30U;  // bytes of address space

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

void say(int fd, std::string_view word, std::string text = {}) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  write_all(fd, std::string(word) + text + "\n");
}

// Of the user that runs the check and of the mesh that is set up in the environment, the plugin sees nothing: what it
// does with a lie may not be done to somebody's database.
void leave_for(const std::filesystem::path& home) {
  std::filesystem::create_directory(home);
  std::filesystem::current_path(home);
  std::vector<std::string> ours;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (text.starts_with("CELLMESH_")) ours.emplace_back(text.substr(0, text.find('=')));
  }
  for (const auto& name : ours) ::unsetenv(name.c_str());
  static constexpr std::array kHomes{"HOME",          "TMPDIR",        "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
                                     "XDG_DATA_HOME", "XDG_STATE_HOME"};
  for (const char* name : kHomes) ::setenv(name, home.c_str(), 1);
}

void run(int out, const std::filesystem::path& file, std::uint64_t seed, const Test& test, Steps& steps) {
  try {
    leave_for(file.parent_path() / test.id);
    {
      Subject subject(file, file.filename().string(), seed, [&](const std::string& what) { steps.write(what); });
      test.run(subject);
    }
    say(out, kOk);
  } catch (const Untestable& e) {
    say(out, kUntestable, e.what());
  } catch (const Skipped& e) {
    say(out, kSkipped, e.what());
  } catch (const Refused& e) {
    say(out, kRefused, e.what());
  } catch (const std::exception& e) {
    say(out, kFailed, e.what());
  }
}

}  // namespace

void examine(const std::filesystem::path& file, std::uint64_t seed, const Test& test, Steps& steps) {
  // What the plugin prints goes with its errors: standard output is for the answer.
  const int out = ::dup(STDOUT_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  base::confine_this_process(kMemory);
  run(out, file, seed, test, steps);
  ::_exit(0);  // at once: what was to be found is found, and the plugin may be in any state
}

}  // namespace cm::check
