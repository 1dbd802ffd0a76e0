#pragma once

#include <string>
#include <string_view>

namespace cm::check {

// Where a test's process writes down what it does next, for who finds it dead: memory that a process shares with those
// that it forks off, which costs no system call a step and is there however they end.
class Steps {
 public:
  Steps();  // keeps nothing when there is no memory
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;
  ~Steps();

  void write(std::string_view step);
  // The last step; empty when there is none.
  [[nodiscard]] std::string last() const;

 private:
  char* bytes_ = nullptr;
};

}  // namespace cm::check
