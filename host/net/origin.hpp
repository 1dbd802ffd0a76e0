#pragma once

#include <string_view>

namespace cm::net {

// Whether a page of `origin` (the Origin header; empty: whoever connects is no browser, and is let in) may open a
// WebSocket that it reached as `host` (the Host header). `allowed` are comma-separated patterns of origins,
// `https://*.example.org`, `*` for any, in which `*` stands for any characters and `same-host` for a page that came
// from the same host name, from whatever port. Case does not matter. Empty: `same-host`.
[[nodiscard]] bool origin_allowed(std::string_view allowed, std::string_view origin, std::string_view host);

}  // namespace cm::net
