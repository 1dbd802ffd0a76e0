#pragma once

#include <boost/json/value.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/process.hpp"
#include "support/ready_file.hpp"

namespace cm::test {

// Where the build put things.
std::filesystem::path program();          // cellmesh
std::filesystem::path shipped_plugins();  // folder of the shipped plugins
std::filesystem::path test_plugins();     // folder of those of tests/plugins
// Copies the shipped plugins of these names, or all, into a folder, which is made when it is not there.
void copy_plugins(const std::filesystem::path& folder,
                  const std::vector<std::string>& names = {"agent", "data", "echo", "game", "hub", "login", "social"});

// `cellmesh host` as a child process, its files in a folder of its own. May be stopped, killed and started again. One
// that runs when this object goes is stopped, so that it is seen to end well.
class Host {
 public:
  struct Options {
    std::filesystem::path folder;        // for its ready file, admin socket and log: made when it is not there
    std::vector<std::string> arguments;  // besides --ready-file, --admin-socket and --plugin-dir
    std::filesystem::path plugin_dir = shipped_plugins();
    std::map<std::string, std::string> env;  // CELLMESH_DATABASE is a file in its folder unless it stands here
  };
  // Starts it; does not wait.
  explicit Host(Options options);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // Waits until it is up; throws with the end of its log when it is not in time.
  const ReadyFile& await_ready(milliseconds bound = seconds(60));
  [[nodiscard]] bool ready() const;

  // SIGTERM and its exit code.
  int stop(milliseconds bound = seconds(30));
  // SIGTERM, before this object goes.
  void begin_stop();
  void kill9();
  void start();  // again, with the same options

  struct Ctl {
    int code = 0;
    std::string output;
    boost::json::value json;  // null when the output is none
  };
  // `cellmesh ctl --json` on it.
  [[nodiscard]] Ctl ctl(std::vector<std::string> words) const;
  // The same, which must succeed.
  [[nodiscard]] boost::json::value query(std::vector<std::string> words) const;

  [[nodiscard]] Process& process() { return *process_; }
  [[nodiscard]] std::string log() const { return process_->output(); }
  [[nodiscard]] bool wait_for_log(const std::string& text, milliseconds bound = seconds(30), std::size_t offset = 0) {
    return process_->wait_for_output(text, bound, offset);
  }
  [[nodiscard]] const std::filesystem::path& plugin_dir() const { return options_.plugin_dir; }
  [[nodiscard]] std::filesystem::path admin_socket() const { return options_.folder / "admin.sock"; }

 private:
  [[nodiscard]] std::filesystem::path ready_path() const { return options_.folder / "ready.json"; }

  const Options options_;
  std::unique_ptr<Process> process_;
  bool stopping_ = false;  // until it goes
  ReadyFile ready_;
};

// The end of a text, from the start of a line.
std::string tail(const std::string& text, std::size_t bytes = 4000);

}  // namespace cm::test
