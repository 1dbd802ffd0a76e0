#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstddef>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/wait.hpp"

namespace cm::test {

struct ProcessOptions {
  std::vector<std::string> command;        // the first is the program, looked for on PATH
  std::map<std::string, std::string> env;  // besides the test's own
  std::filesystem::path folder;            // to run in; empty: the test's
  std::filesystem::path log;               // a copy of its output; empty: none
  bool input = false;                      // write() goes to its standard input; else that is empty
};

// A child process, whose output (both streams) is kept. Killed and reaped at the latest when this object goes, and by
// the kernel when the test program dies. A sanitizer's report in its output, or a signal that it died of and that was
// not sent here, fails the test. One thread uses it; its reader is a thread of its own.
class Process {
 public:
  explicit Process(ProcessOptions options);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void signal(int number);
  void terminate();  // SIGTERM
  void kill9();      // SIGKILL, and waits for its end

  // The exit code, or 128 + the signal that ended it; nothing when it runs on.
  std::optional<int> wait(milliseconds bound = seconds(30));

  void write(const std::string& text);
  void close_input();

  // All output so far.
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::size_t output_size() const;
  // What a sanitizer has said in it; empty when none did.
  [[nodiscard]] std::string sanitizer_report() const;
  // Waits for `text` in the output from `offset` on; false when the process ended without it, or the bound is over.
  bool wait_for_output(const std::string& text, milliseconds bound = seconds(30), std::size_t offset = 0);

 private:
  void read_output(int fd, const std::filesystem::path& log);
  bool reap(bool block);
  void judge() const;

  const std::string name_;
  pid_t pid_ = -1;
  int pidfd_ = -1;
  int input_ = -1;
  std::optional<int> exit_;
  std::set<int> sent_;        // signals
  mutable std::mutex mutex_;  // guards the next three
  std::condition_variable changed_;
  std::string output_;
  bool output_ended_ = false;
  std::thread reader_;
};

// Runs a command to its end; nothing when it takes longer than the bound (it is killed then).
struct Finished {
  int code = 0;
  std::string output;
};
std::optional<Finished> run(ProcessOptions options, milliseconds bound = seconds(60));

}  // namespace cm::test
