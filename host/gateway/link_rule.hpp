#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace cm::gateway {

// Which groups' services this host links to: comma-separated `[kind=]group`, where group is a pattern (`*`, `?`) or
// `own` for the host's own. A kind that has entries of its own follows them alone: "own,hub=shared*".
class LinkRule {
 public:
  static base::Result<LinkRule> parse(std::string_view text, std::string_view own_group);
  [[nodiscard]] bool allows(std::string_view kind, std::string_view group) const;

 private:
  struct Entry {
    std::string kind;  // empty: any
    std::string pattern;
  };
  std::vector<Entry> entries_;
};

}  // namespace cm::gateway
