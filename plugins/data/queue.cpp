#include "queue.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace data {
namespace {

constexpr std::size_t most_passed_over = 2000;  // of those that wait, when a job is made up

// No table has a zero in its name.
std::string row_name(std::string_view table, std::string_view key) {
  std::string name(table);
  name += '\0';
  name += key;
  return name;
}

}  // namespace

void Queue::add(Id id, const proto::DataStep& step, std::chrono::milliseconds since) {
  Entry entry;
  entry.save = step.has_save();
  entry.bytes = step.ByteSizeLong();
  entry.since = since;
  entry.list = step.has_list();
  if (entry.list) entry.prefix = row_name(step.list().table(), step.list().prefix());
  for (const auto& write : step.save().writes()) entry.keys.push_back(row_name(write.key().table(), write.key().key()));
  for (const auto& key : step.load().keys()) entry.keys.push_back(row_name(key.table(), key.key()));
  for (const auto& key : entry.keys) {
    Concerns& row = rows_[key];
    (entry.save ? row.saves : row.reads).insert(id);
  }
  bytes_ += entry.bytes;
  (entry.save ? saves_ : reads_).insert(id);
  entries_.emplace(id, std::move(entry));
}

std::vector<Queue::Id> Queue::take_saves(Job job, const Limits& limits) {
  return take(saves_, job, limits, [&](Id id, const Entry& entry) { return may_save(id, entry, job); });
}

std::vector<Queue::Id> Queue::take_reads(Job job, const Limits& limits) {
  return take(reads_, job, limits, [&](Id id, const Entry& entry) { return may_read(id, entry); });
}

template <typename May>
std::vector<Queue::Id> Queue::take(std::set<Id>& waiting, Job job, const Limits& limits, May may) {
  std::vector<Id> taken;
  std::size_t bytes = 0;
  std::size_t passed_over = 0;
  for (auto it = waiting.begin(); it != waiting.end() && taken.size() < limits.steps;) {
    const Id id = *it;
    Entry& entry = entries_.at(id);
    if (!may(id, entry)) {
      if (++passed_over > most_passed_over) break;
      ++it;
      continue;
    }
    if (!taken.empty() && bytes + entry.bytes > limits.bytes) break;
    bytes += entry.bytes;
    it = waiting.erase(it);
    run(id, entry, job);
    taken.push_back(id);
  }
  return taken;
}

void Queue::run(Id id, Entry& entry, Job job) {
  entry.running = true;
  if (!entry.save) return;
  for (const auto& key : entry.keys) {
    Concerns& row = rows_.at(key);
    row.saves.erase(id);
    row.running.insert(id);
    row.job = job;
  }
}

bool Queue::may_save(Id id, const Entry& entry, Job job) const {
  return std::all_of(entry.keys.begin(), entry.keys.end(), [&](const std::string& key) {
    const Concerns& row = rows_.at(key);
    const bool read_before = !row.reads.empty() && *row.reads.begin() < id;
    return *row.saves.begin() == id && (row.running.empty() || row.job == job) && !read_before;
  });
}

bool Queue::saved_before(Id id, const Concerns& row) {
  return !row.running.empty() || (!row.saves.empty() && *row.saves.begin() < id);
}

bool Queue::may_read(Id id, const Entry& entry) const {
  if (!entry.list) {
    return std::none_of(entry.keys.begin(), entry.keys.end(),
                        [&](const std::string& key) { return saved_before(id, rows_.at(key)); });
  }
  // Only what was saved before it counts, so that a list gets its turn however much is saved.
  for (auto row = rows_.lower_bound(entry.prefix); row != rows_.end(); ++row) {
    if (!row->first.starts_with(entry.prefix)) break;
    const auto& [saves, running, job, reads] = row->second;
    if ((!running.empty() && *running.begin() < id) || (!saves.empty() && *saves.begin() < id)) return false;
  }
  return true;
}

void Queue::put_back(Id id) {
  Entry& entry = entries_.at(id);
  if (!std::exchange(entry.running, false)) return;
  (entry.save ? saves_ : reads_).insert(id);
  if (!entry.save) return;
  for (const auto& key : entry.keys) {
    Concerns& row = rows_.at(key);
    row.running.erase(id);
    row.saves.insert(id);
  }
}

void Queue::remove(Id id) {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  for (const auto& key : entry.keys) {
    const auto row = rows_.find(key);
    if (row == rows_.end()) continue;  // a key that a load names twice
    row->second.saves.erase(id);
    row->second.running.erase(id);
    row->second.reads.erase(id);
    if (row->second.saves.empty() && row->second.running.empty() && row->second.reads.empty()) rows_.erase(row);
  }
  bytes_ -= entry.bytes;
  saves_.erase(id);
  reads_.erase(id);
  entries_.erase(found);
}

void Queue::resume(Id id, Job job) {
  (entries_.at(id).save ? saves_ : reads_).erase(id);
  run(id, entries_.at(id), job);
}

std::vector<Queue::Id> Queue::waiting_since_before(std::chrono::milliseconds time) const {
  auto ids = waiting();
  std::erase_if(ids, [&](Id id) { return entries_.at(id).since >= time; });
  return ids;
}

std::vector<Queue::Id> Queue::waiting() const {
  std::vector<Id> ids;
  std::merge(saves_.begin(), saves_.end(), reads_.begin(), reads_.end(), std::back_inserter(ids));
  return ids;
}

}  // namespace data
