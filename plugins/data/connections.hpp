#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "storage.hpp"

namespace data {

// The open connections of this copy of the plugin, by database, for jobs that take one each. When a database cannot be
// reached, whoever asks is told so at once for a while that grows. Any thread.
class Connections {
 public:
  // Those of the plugin. They are closed when the last service of it goes, those in use when they are given back.
  static Connections& of_plugin();

  void enter();
  void leave();

  // An open one, or a new one. Throws Failure.
  std::unique_ptr<Storage> take(const std::string& database, std::chrono::milliseconds timeout);
  void give_back(const std::string& database, std::unique_ptr<Storage> storage);
  // Closes those that wait: they are likely to be as broken as the one that broke.
  void drop(const std::string& database);

 private:
  using Clock = std::chrono::steady_clock;
  struct Database {
    std::vector<std::unique_ptr<Storage>> idle;
    std::chrono::milliseconds pause{0};  // after the last attempt, which failed; zero: it did not
    Clock::time_point next_attempt;
    std::string why;
  };

  std::mutex mutex_;  // guards all below
  std::size_t users_ = 0;
  std::map<std::string, Database> databases_;
};

}  // namespace data
