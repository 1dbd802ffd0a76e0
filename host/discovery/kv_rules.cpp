#include "discovery/kv_rules.hpp"

#include <algorithm>
#include <string>

#include "base/log.hpp"

namespace cm::discovery {
namespace {

base::Error refuse(std::string_view key, const std::string& why) {
  return base::error("the KV takes no key " + base::log_value(key) + ": " + why);
}

}  // namespace

base::Status check_prefix(std::string_view prefix) {
  if (prefix.size() > kMaxKey) return refuse(prefix, "it is longer than " + std::to_string(kMaxKey) + " bytes");
  const bool control = std::any_of(prefix.begin(), prefix.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (control) return refuse(prefix, "it has a control character");
  // Consul's HTTP server would redirect such a path to another key.
  std::string_view rest = prefix;
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    const std::string_view word = rest.substr(0, slash);
    if (slash != std::string_view::npos && word.empty()) return refuse(prefix, "a word between two slashes is empty");
    if (word == "." || word == "..") return refuse(prefix, "\".\" and \"..\" may not stand between slashes");
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  }
  return {};
}

base::Status check_key(std::string_view key) {
  if (key.empty()) return refuse(key, "it is empty");
  if (key.back() == '/') return refuse(key, "it ends in a slash");
  return check_prefix(key);
}

base::Status check_entry(std::string_view key, std::string_view value) {
  if (value.size() > kMaxValue) {
    return base::error("the value for " + base::log_value(key) + " has " + std::to_string(value.size()) +
                       " bytes; the KV takes at most " + std::to_string(kMaxValue));
  }
  return check_key(key);
}

base::Error too_many_requests() {
  return base::error("more than " + std::to_string(kMaxRequestsUnderWay) +
                     " requests to the KV are under way; send this one when those are answered");
}

}  // namespace cm::discovery
