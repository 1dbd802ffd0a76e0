#include "support/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

extern char** environ;

namespace cm::test {
namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
  return ends;
}

std::vector<std::string> environment(const std::map<std::string, std::string>& own) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!own.contains(text.substr(0, text.find('=')))) all.push_back(text);
  }
  for (const auto& [name, value] : own) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

constexpr std::size_t kLongestReport = 16'000;

// A sanitizer writes at the start of a line; what a host cites of another process stands further in.
bool begins_report(std::string_view line) {
  if (line.starts_with("==")) return line.find("Sanitizer") != std::string_view::npos;
  const auto words = line.substr(0, line.find(": runtime error: "));
  if (words.size() < line.size()) return words.find(' ') == std::string_view::npos;
  return line.starts_with("WARNING: ThreadSanitizer:") || line.starts_with("FATAL: ThreadSanitizer:") ||
         line.starts_with("ThreadSanitizer:");
}

}  // namespace

Process::Process(ProcessOptions options) : name_(options.command.front()) {
  ::signal(SIGPIPE, SIG_IGN);  // a child that ends while it is written to is no end of the test
  auto env_texts = environment(options.env);
  const auto env = pointers(env_texts);
  const auto argv = pointers(options.command);
  const auto out = make_pipe();
  const auto failure = make_pipe();
  std::array<int, 2> in{-1, -1};
  if (options.input) in = make_pipe();
  const pid_t parent = ::getpid();

  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {  // only what is safe between fork and exec
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    const int input = options.input ? in[0] : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (::getppid() == parent && ::dup2(input, 0) == 0 && ::dup2(out[1], 1) == 1 && ::dup2(out[1], 2) == 2 &&
        (options.folder.empty() || ::chdir(options.folder.c_str()) == 0)) {
      ::execvpe(argv[0], argv.data(), env.data());
    }
    const int why = errno;
    [[maybe_unused]] const auto written = ::write(failure[1], &why, sizeof why);
    ::_exit(127);
  }
  ::close(out[1]);
  ::close(failure[1]);
  if (options.input) {
    ::close(in[0]);
    input_ = in[1];
  }
  int why = 0;
  const bool failed = ::read(failure[0], &why, sizeof why) == static_cast<ssize_t>(sizeof why);
  ::close(failure[0]);
  if (failed) {
    ::close(out[0]);
    if (input_ >= 0) ::close(input_);
    ::waitpid(pid_, nullptr, 0);
    throw std::system_error(why, std::generic_category(), "cannot run " + options.command.front());
  }
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd_ < 0) fail("pidfd_open");
  reader_ = std::thread([this, fd = out[0], log = std::move(options.log)] { read_output(fd, log); });
}

Process::~Process() {
  kill9();
  close_input();
  // A grandchild may hold the pipe open: its group goes with it.
  ::kill(-pid_, SIGKILL);
  reader_.join();
  ::close(pidfd_);
  judge();
}

void Process::judge() const {
  if (const auto report = sanitizer_report(); !report.empty()) {
    ADD_FAILURE() << "a sanitizer has found something in " << name_ << ", process " << pid_ << ":\n" << report;
  } else if (exit_ && *exit_ > 128 && !sent_.contains(*exit_ - 128)) {
    ADD_FAILURE() << name_ << ", process " << pid_ << ", died of signal " << *exit_ - 128;
  }
}

std::string Process::sanitizer_report() const {
  const std::lock_guard lock(mutex_);
  for (std::size_t at = 0; at < output_.size();) {
    const auto end = std::min(output_.find('\n', at), output_.size());
    if (begins_report(std::string_view(output_).substr(at, end - at))) return output_.substr(at, kLongestReport);
    at = end + 1;
  }
  return {};
}

void Process::read_output(int fd, const std::filesystem::path& log) {
  std::ofstream file;
  if (!log.empty()) file.open(log, std::ios::app);
  std::array<char, 65536> chunk{};
  for (;;) {
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (file.is_open()) file.write(chunk.data(), n).flush();
    const std::lock_guard lock(mutex_);
    output_.append(chunk.data(), static_cast<std::size_t>(n));
    changed_.notify_all();
  }
  ::close(fd);
  const std::lock_guard lock(mutex_);
  output_ended_ = true;
  changed_.notify_all();
}

bool Process::reap(bool block) {
  if (exit_) return true;
  int status = 0;
  pid_t got = 0;
  do {
    got = ::waitpid(pid_, &status, block ? 0 : WNOHANG);
  } while (got < 0 && errno == EINTR);
  if (got != pid_) return false;
  exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool Process::running() { return !reap(false); }

void Process::signal(int number) {
  if (!running()) return;
  sent_.insert(number);
  ::kill(pid_, number);
}

void Process::terminate() { signal(SIGTERM); }

void Process::kill9() {
  signal(SIGKILL);
  reap(true);
}

std::optional<int> Process::wait(milliseconds bound) {
  pollfd ended{pidfd_, POLLIN, 0};
  const auto deadline = Clock::now() + patience(bound);
  while (!reap(false)) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return std::nullopt;
    ::poll(&ended, 1, static_cast<int>(left.count()) + 1);
  }
  // What it wrote last is in output() when this returns, unless a grandchild still holds the pipe.
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, seconds(1), [this] { return output_ended_; });
  return exit_;
}

void Process::write(const std::string& text) {
  std::size_t done = 0;
  while (input_ >= 0 && done < text.size()) {
    const ssize_t n = ::write(input_, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) fail("write to a process");
    if (n > 0) done += static_cast<std::size_t>(n);
  }
}

void Process::close_input() {
  if (input_ >= 0) ::close(std::exchange(input_, -1));
}

std::string Process::output() const {
  const std::lock_guard lock(mutex_);
  return output_;
}

std::size_t Process::output_size() const {
  const std::lock_guard lock(mutex_);
  return output_.size();
}

bool Process::wait_for_output(const std::string& text, milliseconds bound, std::size_t offset) {
  std::unique_lock lock(mutex_);
  const auto there = [&] { return offset <= output_.size() && output_.find(text, offset) != std::string::npos; };
  changed_.wait_for(lock, patience(bound), [&] { return there() || output_ended_; });
  return there();
}

std::optional<Finished> run(ProcessOptions options, milliseconds bound) {
  Process process(std::move(options));
  const auto code = process.wait(bound);
  if (!code) return std::nullopt;
  return Finished{*code, process.output()};
}

}  // namespace cm::test
