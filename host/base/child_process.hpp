#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace cm::base {

// A process that is run to its end for what it says, with a bound on its time and on what is kept of its output.
struct ChildSpec {
  std::vector<std::string> argv;  // argv[0]: its path
  std::function<void()> body;     // instead of a program: what a fork of this process does, which has one thread only
  std::string input;              // its standard input
  std::chrono::milliseconds time_limit{10'000};
  std::size_t output_limit = 1U << 20U;  // bytes kept of each: the first of its output, the last of its errors
};

struct ChildEnd {
  bool timed_out = false;  // it was killed
  int signal = 0;          // that ended it; 0: none did
  int exit_code = 0;
  std::string output;
  std::string errors;

  // "exit code 3", "SIGSEGV (Segmentation fault)", "no end within 10000 ms"
  [[nodiscard]] std::string text(std::chrono::milliseconds time_limit) const;
};

// One that runs. It inherits no descriptor but its three.
class Child {
 public:
  static Result<Child> start(const ChildSpec& spec);
  Child(Child&&) noexcept;
  Child& operator=(Child&&) noexcept;
  ~Child();  // kills it, unless it has ended

  // Waits until there is something to see of one of them, or a moment has gone.
  static void wait(std::span<const Child* const> children);
  // Takes what it wrote, and kills it when its time is up. True: it has ended. Does not block.
  bool look();
  [[nodiscard]] const ChildEnd& end() const;

 private:
  struct State;
  explicit Child(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Runs it and waits. Blocks; any thread.
Result<ChildEnd> run_child(const ChildSpec& spec);

// For the child's own main: it dies with its parent, leaves no core file, allocates at most `memory` bytes (0: any
// number; not under a sanitizer, which needs more address space than there is), and says where it was when it crashes.
void confine_this_process(std::size_t memory);

}  // namespace cm::base
