// Which of several services of a kind to ask, for agent and login.
#pragma once

#include <cellmesh/directory.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace choice {

// Picks services of one kind. One that did not answer is doubted for a while: it is picked when no other is there.
class Choice {
 public:
  using milliseconds = std::chrono::milliseconds;

  // Returns the directory's pick if it fits and is not doubted, else the best of the others that fit; none when none
  // does. fits(const cellmesh::ServiceInfo&).
  template <typename Fits>
  cellmesh::ServiceId pick(const cellmesh::Directory& directory, const std::string& kind, milliseconds now,
                           Fits&& fits) {
    const auto rank = [&](const cellmesh::ServiceInfo& info) {
      return std::make_tuple(doubts(info.id, now), !info.load.has_value());
    };
    const auto picked = directory.get(directory.pick(kind));
    if (picked && picked->load && fits(*picked) && !doubts(picked->id, now)) return picked->service;
    std::vector<cellmesh::ServiceInfo> best;
    for (auto& info : directory.list(kind)) {
      if (!info.unhealthy.empty() || !fits(info) || (!best.empty() && rank(info) > rank(best.front()))) continue;
      if (!best.empty() && rank(info) < rank(best.front())) best.clear();
      best.push_back(std::move(info));
    }
    if (best.empty()) return {};
    // The less loaded of two at random, so that a burst does not all go to one.
    const std::size_t first = random_() % best.size();
    const std::size_t second = best.size() == 1 ? 0 : (first + 1 + random_() % (best.size() - 1)) % best.size();
    return best[best[second].load < best[first].load ? second : first].service;
  }

  // Returns true if pick() would return one. Unlike that it does not count as a pick.
  template <typename Fits>
  [[nodiscard]] static bool any(const cellmesh::Directory& directory, const std::string& kind, Fits&& fits) {
    const auto all = directory.list(kind);
    return std::any_of(all.begin(), all.end(), [&](const auto& info) { return info.unhealthy.empty() && fits(info); });
  }

  void failed(const std::string& id, milliseconds now) {
    std::erase_if(doubted_, [&](const auto& entry) { return entry.second <= now; });
    doubted_[id] = now + doubt_time;
  }
  void answered(const std::string& id) { doubted_.erase(id); }
  [[nodiscard]] bool doubts(const std::string& id, milliseconds now) const {
    const auto found = doubted_.find(id);
    return found != doubted_.end() && found->second > now;
  }

 private:
  static constexpr milliseconds doubt_time{15'000};

  std::map<std::string, milliseconds> doubted_;  // id -> until when
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace choice
