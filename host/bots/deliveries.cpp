#include "bots/deliveries.hpp"

#include <algorithm>
#include <utility>

namespace cm::bots {
namespace {

constexpr std::size_t kMostGaps = 10'000;  // of a topic; there are none when all is well

}  // namespace

Deliveries::Topic& Deliveries::topic(std::string_view name) {
  auto it = topics_.find(name);
  if (it == topics_.end()) {
    it = topics_.emplace(std::string(name), std::make_unique<Topic>()).first;
    it->second->name = name;
  }
  return *it->second;
}

Deliveries::Line* Deliveries::line(Topic& topic, std::uint64_t key, std::uint32_t& index) {
  const auto it = topic.by_key.find(key);
  if (it == topic.by_key.end()) return nullptr;
  index = it->second;
  return &topic.lines[index];
}

void Deliveries::judge(Rule rule, const Topic& topic, std::uint64_t key, std::uint64_t robot, const char* why) {
  judge_(rule, "robot " + std::to_string(robot) + " in " + topic.name + ": line " + std::to_string(key & 0xffffffffU) +
                   " of robot " + std::to_string(key >> 32U) + " " + why);
}

void Deliveries::join(std::uint64_t robot, std::string_view name) {
  Topic& t = topic(name);
  Listener listener;
  listener.begin = static_cast<std::uint32_t>(t.lines.size());
  if (t.listeners.emplace(robot, std::move(listener)).second) of_robot_[robot].push_back(&t);
}

void Deliveries::leave(std::uint64_t robot, std::string_view name) {
  Topic& t = topic(name);
  const auto it = t.listeners.find(robot);
  if (it == t.listeners.end()) return;
  end(t, robot, it->second);
  t.listeners.erase(it);
  std::erase(of_robot_[robot], &t);
}

void Deliveries::leave_all(std::uint64_t robot) {
  const auto it = of_robot_.find(robot);
  if (it == of_robot_.end()) return;
  for (Topic* t : it->second) {
    const auto listener = t->listeners.find(robot);
    end(*t, robot, listener->second);
    t->listeners.erase(listener);
  }
  of_robot_.erase(it);
}

// A line that it did not hear was on its way perhaps, but not when it heard a later one.
void Deliveries::end(Topic& t, std::uint64_t robot, const Listener& listener) {
  for (auto i = listener.begin; i < t.lines.size(); ++i) {
    const std::size_t at = i - listener.begin;
    if (at < listener.heard.size() && listener.heard[at]) continue;
    const Line& line = t.lines[i];
    if (line.state == State::refused || line.order == 0 || line.order >= listener.last_order) continue;
    if (t.gaps.size() < kMostGaps) t.gaps.push_back({i, robot});
  }
}

bool Deliveries::said(std::string_view name, std::uint64_t key) {
  Topic& t = topic(name);
  ++lines_;
  if (t.lines.size() >= kMostLines) {
    ++unchecked_;
    return false;
  }
  const auto index = static_cast<std::uint32_t>(t.lines.size());
  if (!t.by_key.emplace(key, index).second) return true;  // said again: a retry of the same line
  t.lines.push_back({.key = key});
  const auto [last, first] = t.last_of_speaker.emplace(key >> 32U, index);
  if (!first) {
    t.lines[last->second].next_of_speaker = index;
    last->second = index;
  }
  return true;
}

void Deliveries::settled(std::string_view name, std::uint64_t key, bool taken) {
  Topic& t = topic(name);
  std::uint32_t index = 0;
  Line* line = this->line(t, key, index);
  if (line == nullptr || line->state != State::open) return;
  line->state = taken ? State::taken : State::refused;
  taken_ += taken ? 1 : 0;
  if (!taken && line->was_heard) judge(Rule::said, t, key, key >> 32U, "was refused, and heard for all that");
}

void Deliveries::heard(std::uint64_t robot, std::string_view name, std::uint64_t key, std::uint64_t order, bool old) {
  Topic& t = topic(name);
  std::uint32_t index = 0;
  Line* line = this->line(t, key, index);
  if (line == nullptr) {
    if (t.lines.size() < kMostLines) judge(Rule::said, t, key, robot, "was heard, and nobody said it");
    return;
  }
  if (line->state == State::refused) judge(Rule::said, t, key, robot, "was refused, and heard for all that");
  line->was_heard = true;
  if (line->order == 0) line->order = order;
  if (order != line->order) judge(Rule::ordered, t, key, robot, "has another number than others were told");
  const auto it = t.listeners.find(robot);
  if (it == t.listeners.end()) return;
  Listener& listener = it->second;
  ++deliveries_;
  if (index < listener.begin) {
    if (old) return;
    const bool again = std::find(listener.early.begin(), listener.early.end(), index) != listener.early.end();
    if (!again && listener.early.size() < 1000) listener.early.push_back(index);
    if (again) judge(Rule::once, t, key, robot, "was heard twice");
    return;
  }
  const std::size_t at = index - listener.begin;
  if (at >= listener.heard.size()) listener.heard.resize(at + 1);
  if (listener.heard[at]) return judge(Rule::once, t, key, robot, "was heard twice");
  listener.heard[at] = true;
  judge_(Rule::once, {});
  const auto next = line->next_of_speaker;
  const bool late =
      next != kNone && next - listener.begin < listener.heard.size() && listener.heard[next - listener.begin];
  if (late || (order != 0 && order <= listener.last_order && !old)) {
    judge(Rule::ordered, t, key, robot, "was heard behind a later one");
  } else {
    judge_(Rule::ordered, {});
  }
  listener.last_order = std::max(listener.last_order, order);
}

std::uint64_t Deliveries::missing() const {
  std::uint64_t n = 0;
  for (const auto& [name, t] : topics_) {
    for (const auto& [robot, listener] : t->listeners) {
      for (auto i = listener.begin; i < t->lines.size(); ++i) {
        const std::size_t at = i - listener.begin;
        const bool there = at < listener.heard.size() && listener.heard[at];
        n += !there && t->lines[i].state == State::taken ? 1 : 0;
      }
    }
  }
  return n;
}

void Deliveries::finish() {
  for (const auto& [name, t] : topics_) {
    for (const auto& gap : t->gaps) {
      const Line& line = t->lines[gap.line];
      if (line.state == State::taken) judge(Rule::heard, *t, line.key, gap.robot, "was not heard, and a later one was");
    }
    for (const auto& [robot, listener] : t->listeners) {
      for (auto i = listener.begin; i < t->lines.size(); ++i) {
        const Line& line = t->lines[i];
        if (line.state != State::taken) continue;
        const std::size_t at = i - listener.begin;
        if (at < listener.heard.size() && listener.heard[at]) {
          judge_(Rule::heard, {});
        } else {
          judge(Rule::heard, *t, line.key, robot, "was not heard");
        }
      }
    }
  }
}

}  // namespace cm::bots
