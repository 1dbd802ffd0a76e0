#include "gateway/readiness.hpp"

#include <utility>

namespace cm::gateway {

void Readiness::block(const std::string& condition, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    auto [it, fresh] = reasons_.try_emplace(condition, reason);
    if (!fresh && std::exchange(it->second, reason) == reason) return;
  }
  if (on_change_) on_change_();
}

void Readiness::clear(const std::string& condition) {
  {
    const std::lock_guard lock(mutex_);
    if (reasons_.erase(condition) == 0) return;
  }
  if (on_change_) on_change_();
}

void Readiness::set(const std::string& condition, const std::string& reason) {
  if (reason.empty()) {
    clear(condition);
  } else {
    block(condition, reason);
  }
}

bool Readiness::ready() const {
  const std::lock_guard lock(mutex_);
  return reasons_.empty();
}

std::string Readiness::reason() const {
  const std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& [condition, reason] : reasons_) all += (all.empty() ? "" : "; ") + reason;
  return all;
}

std::map<std::string, std::string> Readiness::reasons() const {
  const std::lock_guard lock(mutex_);
  return reasons_;
}

}  // namespace cm::gateway
