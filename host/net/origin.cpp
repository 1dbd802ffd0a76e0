#include "net/origin.hpp"

#include <cstddef>

namespace cm::net {
namespace {

constexpr std::string_view kSameHost = "same-host";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && lower(pattern[p]) == lower(text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// `example.org` of `example.org:8002`, `[::1]` of `[::1]:8002`.
std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const std::size_t bracket = host.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return host;
  return host.substr(0, colon);
}

bool same_host(std::string_view origin, std::string_view host) {
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;  // `null`
  const std::string_view from = without_port(origin.substr(scheme + 3));
  return !from.empty() && equal(from, without_port(host));
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

bool origin_allowed(std::string_view allowed, std::string_view origin, std::string_view host) {
  if (origin.empty()) return true;
  if (trim(allowed).empty()) allowed = kSameHost;
  while (!allowed.empty()) {
    const std::size_t comma = allowed.find(',');
    const std::string_view pattern = trim(allowed.substr(0, comma));
    allowed = comma == std::string_view::npos ? std::string_view() : allowed.substr(comma + 1);
    if (pattern.empty()) continue;
    if (equal(pattern, kSameHost) ? same_host(origin, host) : matches(pattern, origin)) return true;
  }
  return false;
}

}  // namespace cm::net
