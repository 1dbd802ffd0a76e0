#pragma once

#include <functional>
#include <mutex>
#include <utility>

namespace cm::discovery {

// A watch's callback: called on one thread, ended from any. When end() has returned it does not run any more, unless
// end() is called from within it. Whoever calls end() holds no lock that the callback takes.
template <class... Args>
class Callback {
 public:
  explicit Callback(std::function<void(Args...)> function) : function_(std::move(function)) {}

  void call(Args... args) {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    running_ = true;
    function_(args...);
    running_ = false;
    if (ended_) function_ = nullptr;
  }

  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    if (!running_) function_ = nullptr;
  }

 private:
  std::recursive_mutex mutex_;  // guards all below; held while it runs
  bool ended_ = false;
  bool running_ = false;
  std::function<void(Args...)> function_;
};

}  // namespace cm::discovery
