#include "base/log_limits.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace cm::base {
namespace {

constexpr std::size_t kMaxLike = 160;

}  // namespace

std::size_t LogLimits::Hash::operator()(const Cause& cause) const {
  const std::size_t place = std::hash<const void*>()(cause.file) * 31 + cause.line;
  return place * 0x9e3779b97f4a7c15U + cause.subject;
}

double LogLimits::lines_at(const Budget& budget, Clock::time_point now) {
  const double more = std::chrono::duration<double>(now - budget.filled) / budget.limit.refill;
  return std::min(budget.lines + std::max(more, 0.0), static_cast<double>(budget.limit.burst));
}

LogLimits::Budget& LogLimits::budget(Cause cause, const Limit& limit, Clock::time_point now) {
  if (const auto it = budgets_.find(cause); it != budgets_.end()) return it->second;
  if (budgets_.size() >= kMaxCauses) {
    std::erase_if(budgets_, [&](const auto& entry) {  // those that a new one would not differ from
      return entry.second.left_out == 0 && lines_at(entry.second, now) >= entry.second.limit.burst;
    });
  }
  // The places are as many as the program has; subjects may be any number.
  if (budgets_.size() >= kMaxCauses) cause.subject = 0;
  const auto [place, made] = budgets_.try_emplace(cause);
  if (made) {
    place->second.limit = limit;
    place->second.lines = limit.burst;
    place->second.filled = now;
  }
  return place->second;
}

LogLimits::Verdict LogLimits::take(const Cause& cause, const Limit& limit, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  Budget& b = budget(cause, limit, now);
  b.lines = lines_at(b, now);
  b.filled = now;
  if (b.lines < 1) {
    ++b.left_out;
    return {false, 0};
  }
  b.lines -= 1;
  return {true, std::exchange(b.left_out, 0)};
}

void LogLimits::written(const Cause& cause, std::size_t room, int level, std::string_view text) {
  const std::lock_guard lock(mutex_);
  auto it = budgets_.find(cause);
  if (it == budgets_.end()) it = budgets_.find({cause.file, cause.line, 0});
  if (it == budgets_.end()) return;
  it->second.room = room;
  it->second.level = level;
  // Only those that are about to be left out are ever told of.
  if (it->second.lines < 1) it->second.like = text.substr(0, kMaxLike);
}

std::vector<LogLimits::LeftOut> LogLimits::take_left_out(Clock::time_point now, Clock::duration quiet) {
  const std::lock_guard lock(mutex_);
  std::vector<LeftOut> all;
  for (auto& [cause, b] : budgets_) {
    if (b.left_out == 0 || now - b.filled < quiet) continue;
    all.push_back({b.room, b.level, std::exchange(b.left_out, 0), b.like});
  }
  return all;
}

std::size_t LogLimits::size() const {
  const std::lock_guard lock(mutex_);
  return budgets_.size();
}

}  // namespace cm::base
