#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
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

  // A connection in use: closed when this goes, unless it was given back.
  class Lease {
   public:
    Lease(Connections& connections, std::string database, std::unique_ptr<Storage> storage)
        : connections_(connections), database_(std::move(database)), storage_(std::move(storage)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    Storage& operator*() const { return *storage_; }
    Storage* operator->() const { return storage_.get(); }
    // It is whole, and the next one may have it.
    void give_back();

   private:
    Connections& connections_;
    const std::string database_;
    std::unique_ptr<Storage> storage_;
  };

  // An open one, or a new one. Throws Failure.
  std::unique_ptr<Lease> take(const std::string& database, std::chrono::milliseconds timeout, Missing missing);
  // Closes those that wait: they are likely to be as broken as the one that broke. `replaced`: and opens none until
  // those in use are closed, too.
  void drop(const std::string& database, bool replaced = false);

 private:
  using Clock = std::chrono::steady_clock;
  struct Database {
    std::vector<std::unique_ptr<Storage>> idle;
    std::size_t in_use = 0;
    bool replaced = false;               // those in use lead to what is no more
    std::chrono::milliseconds pause{0};  // after the last attempt, which failed; zero: it did not
    Clock::time_point next_attempt;
    std::string why;
  };

  void ended(const std::string& database, std::unique_ptr<Storage> whole);

  std::mutex mutex_;  // guards all below
  std::size_t users_ = 0;
  std::map<std::string, Database> databases_;
};

}  // namespace data
