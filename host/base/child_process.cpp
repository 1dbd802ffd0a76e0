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
#include <utility>

#include "base/sanitizer.hpp"

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

Result<pid_t> spawn(const std::vector<std::string>& words, int in, int out, int err) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawn_file_actions_adddup2(&actions, err, 2);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  // Signals as a program expects them, whatever this process ignores or blocks.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = -1;
  const int code = ::posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return error("cannot start " + words.front() + ": " + std::strerror(code));
  return pid;
}

Result<pid_t> fork_off(const std::function<void()>& body, int in, int out, int err) {
  const pid_t pid = ::fork();
  if (pid < 0) return failure("cannot fork");
  if (pid > 0) return pid;
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  ::close_range(3, ~0U, 0);
  body();
  ::_exit(0);
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

struct Child::State {
  pid_t pid = -1;
  Clock::time_point deadline;
  std::size_t output_limit = 0;
  Descriptor out, err;
  bool out_open = true, err_open = true;
  bool ended = false;
  ChildEnd end;

  [[nodiscard]] std::array<pollfd, 2> streams() const {  // a negative one is passed over
    return {pollfd{out_open ? out.get() : -1, POLLIN, 0}, pollfd{err_open ? err.get() : -1, POLLIN, 0}};
  }

  // Until there is no more for now.
  void read() {
    for (auto now = streams(); ::poll(now.data(), now.size(), 0) > 0; now = streams()) {
      if (now[0].revents != 0) out_open = drain(out.get(), end.output, output_limit, false);
      if (now[1].revents != 0) err_open = drain(err.get(), end.errors, output_limit, true);
      if (Clock::now() >= deadline) return;  // it writes for ever
    }
  }

  void kill() {
    int status = 0;
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    ended = true;
    end.signal = SIGKILL;
  }
};

Child::Child(std::unique_ptr<State> state) : state_(std::move(state)) {}
Child::Child(Child&&) noexcept = default;
Child& Child::operator=(Child&& other) noexcept {
  state_.swap(other.state_);
  return *this;
}
Child::~Child() {
  if (state_ && !state_->ended) state_->kill();
}

Result<Child> Child::start(const ChildSpec& spec) {
  auto in = input_file(spec.input);
  if (!in) return in.error();
  auto out = make_pipe();
  if (!out) return out.error();
  auto err = make_pipe();
  if (!err) return err.error();
  const auto pid = spec.body ? fork_off(spec.body, in->get(), out->second.get(), err->second.get())
                             : spawn(spec.argv, in->get(), out->second.get(), err->second.get());
  if (!pid) return pid.error();
  auto state = std::make_unique<State>();
  state->pid = *pid;
  state->deadline = Clock::now() + spec.time_limit;
  state->output_limit = spec.output_limit;
  state->out = std::move(out->first);
  state->err = std::move(err->first);
  return Child(std::move(state));
}

void Child::wait(std::span<const Child* const> children) {
  std::vector<pollfd> all;
  int patience = 20;  // ms
  for (const Child* child : children) {
    const auto streams = child->state_->streams();
    // It has closed them and is about to end: its end is no event.
    if (!child->state_->out_open && !child->state_->err_open) patience = 1;
    all.insert(all.end(), streams.begin(), streams.end());
  }
  ::poll(all.data(), all.size(), patience);
}

bool Child::look() {
  State& s = *state_;
  if (s.ended) return true;
  s.read();
  int status = 0;
  if (::waitpid(s.pid, &status, WNOHANG) == s.pid) {
    s.ended = true;
    if (WIFSIGNALED(status)) s.end.signal = WTERMSIG(status);
    if (WIFEXITED(status)) s.end.exit_code = WEXITSTATUS(status);
    s.read();  // what it wrote last
  } else if (Clock::now() >= s.deadline) {
    s.kill();
    s.end.timed_out = true;
  }
  return s.ended;
}

const ChildEnd& Child::end() const { return state_->end; }

Result<ChildEnd> run_child(const ChildSpec& spec) {
  auto child = Child::start(spec);
  if (!child) return child.error();
  for (const Child* it = &*child; !child->look();) Child::wait({&it, 1});
  return child->end();
}

void confine_this_process(std::size_t memory) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  if constexpr (kSanitized) return;
  if (memory != 0) {
    const rlimit limit{memory, memory};
    ::setrlimit(RLIMIT_AS, &limit);
  }
  std::array<void*, 1> first;
  ::backtrace(first.data(), 1);  // loads what it needs, now that nothing is broken
  static std::array<char, std::size_t{64} * 1024> stack;
  stack_t alternate{};
  alternate.ss_sp = stack.data();
  alternate.ss_size = stack.size();
  ::sigaltstack(&alternate, nullptr);
  struct sigaction action {};
  action.sa_handler = &on_crash;
  action.sa_flags = SA_ONSTACK | static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigaction(signal, &action, nullptr);
}

}  // namespace cm::base
