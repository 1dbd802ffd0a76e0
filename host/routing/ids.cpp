#include "routing/ids.hpp"

#include <algorithm>
#include <charconv>

namespace cm::routing {
namespace {

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

}  // namespace

base::Result<ServiceName> ServiceName::parse(std::string_view id) {
  const auto hash = id.find('#');
  const auto at = id.find('@', hash == std::string_view::npos ? 0 : hash);
  ServiceName name;
  if (hash != std::string_view::npos && at != std::string_view::npos) {
    const std::string_view kind = id.substr(0, hash);
    const std::string_view index = id.substr(hash + 1, at - hash - 1);
    const std::string_view group = id.substr(at + 1);
    const auto [end, ec] = std::from_chars(index.data(), index.data() + index.size(), name.index);
    if (is_word(kind) && is_word(group) && !index.empty() && index.size() <= 9 && ec == std::errc{} &&
        end == index.data() + index.size() && (index.size() == 1 || index[0] != '0')) {
      name.kind = kind;
      name.group = group;
      return name;
    }
  }
  return base::error("\"" + std::string(id.substr(0, 200)) +
                     "\" is no service id; write it as name#index@group, e.g. game#0@dev");
}

std::string ServiceName::id() const { return kind + "#" + std::to_string(index) + "@" + group; }

}  // namespace cm::routing
