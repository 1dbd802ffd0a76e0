#include "gateway/link_rule.hpp"

#include <algorithm>

namespace cm::gateway {
namespace {

// Shell-like, with `*` and `?` only; linear in text times stars.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t]) && pattern[p] != '*') {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

base::Result<LinkRule> LinkRule::parse(std::string_view text, std::string_view own_group) {
  LinkRule rule;
  while (!text.empty()) {
    std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const auto trim = [](std::string_view s) {
      const auto first = s.find_first_not_of(' ');
      return first == std::string_view::npos ? std::string_view{}
                                             : s.substr(first, s.find_last_not_of(' ') - first + 1);
    };
    const auto equal = part.find('=');
    Entry entry;
    if (equal != std::string_view::npos) entry.kind = trim(part.substr(0, equal));
    const auto pattern = trim(equal == std::string_view::npos ? part : part.substr(equal + 1));
    if (pattern.empty() || (equal != std::string_view::npos && entry.kind.empty())) {
      return base::error("\"" + std::string(part) + "\" is no link rule; write [kind=]group, e.g. own,hub=shared*");
    }
    entry.pattern = pattern == "own" ? own_group : pattern;
    rule.entries_.push_back(std::move(entry));
  }
  return rule;
}

bool LinkRule::allows(std::string_view kind, std::string_view group) const {
  const bool has_own = std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.kind == kind; });
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return (has_own ? e.kind == kind : e.kind.empty()) && matches(e.pattern, group);
  });
}

}  // namespace cm::gateway
