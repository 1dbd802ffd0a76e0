#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace cm::gateway {

// Collects the conditions that keep this host from being ready: each has a name ("plugins", "registration") and a
// reason, one line for people. The host is ready while there is none. Owned by the gateway, outlives the rooms that
// report to it. [any thread]
class Readiness {
 public:
  // `on_change` is called after each change, on the thread that made it and without a lock held.
  explicit Readiness(std::function<void()> on_change = {}) : on_change_(std::move(on_change)) {}
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  // Keeps the host from being ready until clear(). A second call for the same condition replaces its reason. Reasons
  // must not change with time alone: each change is told.
  void block(const std::string& condition, const std::string& reason);
  // The condition holds. Does nothing if it was not blocked.
  void clear(const std::string& condition);
  // Blocks with `reason`, or clears if it is empty.
  void set(const std::string& condition, const std::string& reason);

  [[nodiscard]] bool ready() const;
  // All reasons in one line, separated by "; ". Empty if ready.
  [[nodiscard]] std::string reason() const;
  // Reasons by condition.
  [[nodiscard]] std::map<std::string, std::string> reasons() const;

 private:
  const std::function<void()> on_change_;
  mutable std::mutex mutex_;  // guards all below
  std::map<std::string, std::string> reasons_;
};

}  // namespace cm::gateway
