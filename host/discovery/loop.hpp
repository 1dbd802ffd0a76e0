#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "discovery/http_client.hpp"

namespace cm::discovery {

// Turns of one thread: work posted from anywhere, timers, HTTP. Owned by ConsulDiscovery, whose thread calls run().
class Loop {
 public:
  using Clock = std::chrono::steady_clock;
  using Work = std::function<void()>;

  explicit Loop(HttpClientConfig http);

  void post(Work work);  // dropped when run() is over [any thread]
  // Turns until quit(), each ended with after_turn(). What was posted before the end is done.
  void run(const Work& after_turn);
  void quit();  // [the loop's thread]
  [[nodiscard]] HttpClient& http() { return http_; }

 private:
  friend class Timer;
  using Due = std::pair<Clock::time_point, std::uint64_t>;

  void run_posted(bool last);
  void run_timers();
  [[nodiscard]] std::chrono::milliseconds time_to_next() const;

  // Loop's thread only.
  HttpClient http_;
  std::map<Due, Work> timers_;
  std::uint64_t last_timer_ = 0;
  bool quit_ = false;

  std::mutex mutex_;  // guards all below
  std::deque<Work> posted_;
  bool closed_ = false;
};

// One timer of a loop: set again, it forgets what it was set to. Dies with its owner, and then never fires.
// [the loop's thread]
class Timer {
 public:
  explicit Timer(Loop& loop) : loop_(loop) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void set(Loop::Clock::time_point when, Loop::Work work);
  void set(std::chrono::milliseconds after, Loop::Work work) { set(Loop::Clock::now() + after, std::move(work)); }
  void cancel();
  [[nodiscard]] bool is_set() const { return due_.second != 0; }
  [[nodiscard]] Loop::Clock::time_point due() const { return due_.first; }  // if it is set

 private:
  Loop& loop_;
  Loop::Due due_{};  // second 0: not set
};

}  // namespace cm::discovery
