#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace cm::test {

// What callbacks of another thread brought, in order, for a test that waits for it. [any thread]
template <class T>
class Seen {
 public:
  void push(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }

  // The first value, from the `from`th on, that is as wanted; nothing when none comes.
  template <class Wanted>
  std::optional<T> wait_for(Wanted wanted, std::size_t from = 0,
                            std::chrono::milliseconds bound = std::chrono::seconds(120)) {
    std::unique_lock lock(mutex_);
    std::optional<T> found;
    changed_.wait_for(lock, bound, [&] {
      for (; from < values_.size(); ++from) {
        if (!wanted(values_[from])) continue;
        found = values_[from];
        return true;
      }
      return false;
    });
    return found;
  }
  std::optional<T> wait_for_any(std::size_t from = 0) {
    return wait_for([](const T&) { return true; }, from);
  }

  [[nodiscard]] std::vector<T> all() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }
  [[nodiscard]] std::size_t size() const { return all().size(); }

 private:
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<T> values_;
};

}  // namespace cm::test
