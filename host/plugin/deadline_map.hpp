#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "plugin/clock.hpp"

namespace cm::plugin {

// Things that wait by number, each with a deadline: calls for their answer, timers for their time. Numbers only grow;
// equal deadlines come due in the order of their numbers. One thread.
template <class Value>
class DeadlineMap {
 public:
  explicit DeadlineMap(std::uint64_t first) : next_(first) {}

  // The number that the next add() gives.
  [[nodiscard]] std::uint64_t next() const { return next_; }
  std::uint64_t add(std::int64_t deadline, Value value) {
    const std::uint64_t id = next_++;
    waiting_.emplace(id, Waiting{deadline, std::move(value)});
    push(deadline, id);
    return id;
  }
  [[nodiscard]] Value* find(std::uint64_t id) {
    const auto it = waiting_.find(id);
    return it != waiting_.end() ? &it->second.value : nullptr;
  }
  std::optional<Value> take(std::uint64_t id) {
    const auto it = waiting_.find(id);
    if (it == waiting_.end()) return std::nullopt;
    std::optional<Value> value(std::move(it->second.value));
    waiting_.erase(it);
    return value;
  }
  void move_deadline(std::uint64_t id, std::int64_t deadline) {
    const auto it = waiting_.find(id);
    if (it == waiting_.end()) return;
    it->second.deadline = deadline;
    push(deadline, id);
  }
  // Numbers that are due, in order. They stay until taken or moved.
  void due(std::int64_t now, std::vector<std::uint64_t>& out) {
    while (!heap_.empty() && heap_.front().first <= now) {
      const auto [deadline, id] = pop();
      const auto it = waiting_.find(id);
      if (it != waiting_.end() && it->second.deadline == deadline) out.push_back(id);
    }
  }
  // Earlier than the true one at times, never later; kNever when nothing waits.
  [[nodiscard]] std::int64_t next_deadline() const { return heap_.empty() ? kNever : heap_.front().first; }
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& [id, w] : waiting_) visit(w.value);
  }
  template <class Pred>
  std::vector<std::uint64_t> ids_if(Pred&& pred) const {
    std::vector<std::uint64_t> ids;
    for (const auto& [id, w] : waiting_) {
      if (pred(w.value)) ids.push_back(id);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

 private:
  using Mark = std::pair<std::int64_t, std::uint64_t>;  // deadline, number
  struct Waiting {
    std::int64_t deadline;
    Value value;
  };

  void push(std::int64_t deadline, std::uint64_t id) {
    // Marks of what was taken stay behind; they must not outgrow what waits.
    if (heap_.size() > 2 * waiting_.size() + 1024) {
      heap_.clear();
      for (const auto& [number, w] : waiting_) heap_.emplace_back(w.deadline, number);
      std::make_heap(heap_.begin(), heap_.end(), std::greater<>{});
      return;  // the new one is in waiting_ already
    }
    heap_.emplace_back(deadline, id);
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
  }
  Mark pop() {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
    const Mark mark = heap_.back();
    heap_.pop_back();
    return mark;
  }

  std::uint64_t next_;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::vector<Mark> heap_;
};

}  // namespace cm::plugin
