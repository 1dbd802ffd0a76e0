#include "net/subprotocols.hpp"

#include <algorithm>

namespace cm::net {
namespace {

// Cuts the next element off a comma-separated list.
std::string_view next(std::string_view& list) {
  const std::size_t comma = list.find(',');
  std::string_view word = list.substr(0, comma);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!word.empty() && blank(word.front())) word.remove_prefix(1);
  while (!word.empty() && blank(word.back())) word.remove_suffix(1);
  return word;
}

bool is_token(std::string_view word) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !word.empty() && std::all_of(word.begin(), word.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

}  // namespace

base::Result<Subprotocols> Subprotocols::parse(std::string_view list) {
  Subprotocols all;
  while (!list.empty()) {
    const std::string_view word = next(list);
    if (word.empty()) continue;
    if (!is_token(word)) {
      return base::error("\"" + std::string(word) +
                         "\" cannot be the name of a WebSocket subprotocol; write letters, " +
                         "digits and !#$%&'*+-.^_`|~, and commas between names");
    }
    all.names_.emplace_back(word);
  }
  return all;
}

std::string_view Subprotocols::select(std::string_view offered) const {
  while (!offered.empty()) {
    const auto found = std::find(names_.begin(), names_.end(), next(offered));
    if (found != names_.end()) return *found;
  }
  return {};
}

}  // namespace cm::net
