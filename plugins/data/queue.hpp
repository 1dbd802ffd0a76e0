#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "data.pb.h"

namespace data {

// The requests that were not answered yet, by ids that grow, and which of them may be done now: what concerns the same
// row is done in the order of the ids, a job's own one after the other. Owned by the service, used on its thread.
class Queue {
 public:
  using Id = std::uint64_t;
  using Job = std::uint64_t;
  struct Limits {
    std::size_t steps = 500;
    std::size_t bytes = std::size_t{2} * 1024 * 1024;  // a single request may have more
  };

  // Waits from now on. `step` is not kept.
  void add(Id id, const proto::DataStep& step, std::chrono::milliseconds since);
  // Saves, or what only reads, that the job does from now on, in their order; none when all have to wait.
  std::vector<Id> take_saves(Job job, const Limits& limits);
  std::vector<Id> take_reads(Job job, const Limits& limits);
  // The job did not come to it: it waits again, in its old place.
  void put_back(Id id);
  // It has been done, or given up.
  void remove(Id id);
  // Says of one that waits that the job does it already: after a reload, in the order of ids.
  void resume(Id id, Job job);

  // Those that wait since a time before that.
  [[nodiscard]] std::vector<Id> waiting_since_before(std::chrono::milliseconds time) const;
  [[nodiscard]] std::vector<Id> waiting() const;  // in their order
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    bool save = false;
    bool running = false;
    std::size_t bytes = 0;
    std::chrono::milliseconds since{0};
    std::vector<std::string> keys;
    bool list = false;
    std::string prefix;  // of a list: its table and prefix
  };
  // What concerns one row. All that runs of the saves is of one job and older than those that wait.
  struct Concerns {
    std::set<Id> saves;    // that wait
    std::set<Id> running;  // saves that run
    Job job = 0;           // whose those are
    std::set<Id> reads;    // that wait or run
  };
  using Rows = std::map<std::string, Concerns, std::less<>>;

  [[nodiscard]] bool may_save(Id id, const Entry& entry, Job job) const;
  [[nodiscard]] bool may_read(Id id, const Entry& entry) const;
  [[nodiscard]] static bool saved_before(Id id, const Concerns& row);
  template <typename May>
  std::vector<Id> take(std::set<Id>& waiting, Job job, const Limits& limits, May may);
  void run(Id id, Entry& entry, Job job);

  std::unordered_map<Id, Entry> entries_;
  std::size_t bytes_ = 0;
  std::set<Id> saves_;  // that wait
  std::set<Id> reads_;
  Rows rows_;
};

}  // namespace data
