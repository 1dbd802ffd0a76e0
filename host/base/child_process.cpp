#include "base/child_process.hpp"

#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>

extern char** environ;

namespace cm::base {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Error failure(const char* what) { return error(std::string(what) + ": " + std::strerror(errno)); }

Result<Descriptor> input_file(const std::string& bytes) {
  Descriptor file(::memfd_create("input", MFD_CLOEXEC));
  if (file.get() < 0) return failure("cannot make a child's input");
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0) return failure("cannot write a child's input");
    done += static_cast<std::size_t>(n);
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

Result<std::pair<Descriptor, Descriptor>> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failure("cannot make a pipe");
  return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

Result<pid_t> spawn(const ChildSpec& spec, int in, int out, int err) {
  std::vector<char*> argv;
  for (const auto& word : spec.argv) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  pid_t pid = -1;
  const int code = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return error("cannot start " + spec.argv.front() + ": " + std::strerror(code));
  return pid;
}

// Reads what is there; false at the end of the stream.
bool drain(int fd, std::string& into, std::size_t limit, bool keep_last) {
  std::array<char, 16'384> buffer;
  const ssize_t n = ::read(fd, buffer.data(), buffer.size());
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  if (n == 0) return false;
  into.append(buffer.data(), static_cast<std::size_t>(n));
  if (into.size() > limit) {
    if (keep_last) {
      into.erase(0, into.size() - limit);
    } else {
      into.resize(limit);
    }
  }
  return true;
}

// Where it was, on standard error; then as if there had been no handler.
void on_crash(int signal) {
  std::array<void*, 64> frames;
  const int n = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  ::backtrace_symbols_fd(frames.data(), n, 2);
  ::raise(signal);
}

}  // namespace

std::string ChildEnd::text(milliseconds time_limit) const {
  if (timed_out) return "no end within " + std::to_string(time_limit.count()) + " ms";
  if (signal == 0) return "exit code " + std::to_string(exit_code);
  const char* name = ::sigabbrev_np(signal);
  const char* what = ::sigdescr_np(signal);
  return "SIG" + std::string(name != nullptr ? name : std::to_string(signal)) + " (" +
         (what != nullptr ? what : "unknown signal") + ")";
}

Result<ChildEnd> run_child(const ChildSpec& spec) {
  auto in = input_file(spec.input);
  if (!in) return in.error();
  auto out = make_pipe();
  if (!out) return out.error();
  auto err = make_pipe();
  if (!err) return err.error();
  const auto pid = spawn(spec, in->get(), out->second.get(), err->second.get());
  if (!pid) return pid.error();
  out->second.close();
  err->second.close();

  ChildEnd end;
  const auto deadline = Clock::now() + spec.time_limit;
  std::array<pollfd, 2> streams{pollfd{out->first.get(), POLLIN, 0}, pollfd{err->first.get(), POLLIN, 0}};
  int status = 0;
  bool ended = false;
  while (!ended) {
    if (Clock::now() >= deadline) {
      end.timed_out = true;
      ::kill(*pid, SIGKILL);
      while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
      }
      break;
    }
    // Its end closes the streams, unless a child of its own has them: so look at both.
    const bool open = streams[0].fd >= 0 || streams[1].fd >= 0;
    if (!open) std::this_thread::sleep_for(milliseconds(1));
    if (open && ::poll(streams.data(), streams.size(), 20) > 0) {
      if (streams[0].revents != 0 && !drain(streams[0].fd, end.output, spec.output_limit, false)) streams[0].fd = -1;
      if (streams[1].revents != 0 && !drain(streams[1].fd, end.errors, spec.output_limit, true)) streams[1].fd = -1;
      continue;
    }
    ended = ::waitpid(*pid, &status, WNOHANG) == *pid;
  }
  for (auto& stream : streams) {  // what it wrote last
    const bool is_out = stream.fd == streams[0].fd;
    while (stream.fd >= 0 && ::poll(&stream, 1, 0) > 0) {
      if (!drain(stream.fd, is_out ? end.output : end.errors, spec.output_limit, !is_out)) stream.fd = -1;
    }
  }
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  return end;
}

void confine_this_process(std::size_t memory) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  if (memory != 0) {
    const rlimit limit{memory, memory};
    ::setrlimit(RLIMIT_AS, &limit);
  }
  std::array<void*, 1> first;
  ::backtrace(first.data(), 1);  // loads what it needs, now that nothing is broken
  static std::array<char, 64 * 1024> stack;
  stack_t alternate{};
  alternate.ss_sp = stack.data();
  alternate.ss_size = stack.size();
  ::sigaltstack(&alternate, nullptr);
  struct sigaction action {};
  action.sa_handler = &on_crash;
  action.sa_flags = SA_ONSTACK | static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigaction(signal, &action, nullptr);
#else
  static_cast<void>(memory);
  static_cast<void>(&on_crash);
#endif
}

}  // namespace cm::base
