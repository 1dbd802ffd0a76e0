#pragma once

#include <cellmesh/table.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent.pb.h"

namespace agent {

// The ids of tokens that somebody entered with, each until it has expired: none lets in twice. At a reload they go over
// with their service.
template <class Service>
class SpentTokens {
 public:
  static constexpr std::size_t most = 1'000'000;

  explicit SpentTokens(Service& service) : ids_(service, "spent_tokens") {}

  [[nodiscard]] bool has(const std::string& id) const { return ids_.contains(id); }
  // False when there is no room. Times are seconds since 1970.
  bool take(const std::string& id, std::int64_t expires, std::int64_t now) {
    if (ids_.size() >= most) tidy(now);
    if (ids_.size() >= most) return false;
    ids_[id].set_expires(expires);
    return true;
  }
  // Nobody entered with it after all.
  void give_back(const std::string& id) { ids_.erase(id); }
  void tidy(std::int64_t now) {
    std::vector<std::string> over;
    ids_.for_each([&](const std::string& id, const proto::SpentToken& token) {
      if (token.expires() < now) over.push_back(id);
    });
    for (const auto& id : over) ids_.erase(id);
  }

 private:
  cellmesh::Table<std::string, proto::SpentToken> ids_;
};

}  // namespace agent
