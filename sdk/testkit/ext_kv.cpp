// SPDX-License-Identifier: MIT
#include <algorithm>

#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace kv {
namespace {

constexpr std::string_view bad_name =
    "the name of a shared entry is 1 to 200 bytes, words of a-z, A-Z, 0-9 and \"-_.@#\" parted by single slashes";
constexpr std::size_t longest_name = 200;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_.@#").find(c) != std::string_view::npos;
}

// A prefix may end where it likes, a name at the end of a word.
bool good(const char* text, bool prefix) {
  if (text == nullptr) return false;
  const std::string_view name = text;
  if (name.size() > longest_name) return false;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view word = name.substr(begin, end - begin);
    if (!std::all_of(word.begin(), word.end(), is_letter)) return false;
    const bool last = end == name.size();
    if (!(last && prefix) && (word.empty() || word == "." || word == "..")) return false;
    if (last) return true;
    begin = end + 1;
  }
}

// Runs fn(side, act) for a good name.
template <class Fn>
cm_status on_kv(const cm_host* host, Did did, const char* text, bool prefix, Fn&& fn) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    if (!good(text, prefix)) return side.invalid(bad_name);
    Act act{.did = did};
    act.text = text;
    return fn(side, std::move(act));
  });
}

cm_status publish(const cm_host* host, const char* name, const uint8_t* value, size_t size) {
  return on_kv(host, Did::kv_publish, name, false, [&](HostSide& side, Act act) -> cm_status {
    if (bad_bytes(value, size)) return side.invalid("a shared entry's value is NULL");
    if (size > CM_MAX_KV_VALUE) return CM_TOO_LARGE;
    if (!side.published.contains(name) && side.published.size() >= HostSide::max_published) return CM_BACKPRESSURE;
    act.body = text_of(value, size);
    const cm_status status = side.note(std::move(act));
    if (status != CM_OK) return status;
    side.published.insert(name);
    side.entry(name, std::string(text_of(value, size)));
    return CM_OK;
  });
}

cm_status remove(const cm_host* host, const char* name) {
  return on_kv(host, Did::kv_remove, name, false, [&](HostSide& side, Act act) -> cm_status {
    const cm_status status = side.note(std::move(act));
    if (status != CM_OK) return status;
    side.published.erase(name);
    side.entry(name, std::nullopt);
    return CM_OK;
  });
}

cm_status watch(const cm_host* host, const char* prefix) {
  return on_kv(host, Did::kv_watch, prefix, true, [&](HostSide& side, Act act) -> cm_status {
    if (!side.watches.contains(prefix) && side.watches.size() >= HostSide::max_watches) return CM_BACKPRESSURE;
    const cm_status status = side.note(std::move(act));
    if (status != CM_OK) return status;
    side.watches.insert(prefix);
    for (const auto& [name, value] : side.entries) {
      if (name.starts_with(prefix)) side.entries_to_tell[name] = value;
    }
    return CM_OK;
  });
}

cm_status unwatch(const cm_host* host, const char* prefix) {
  return on_kv(host, Did::kv_unwatch, prefix, true, [&](HostSide& side, Act act) -> cm_status {
    const cm_status status = side.note(std::move(act), side.watches.contains(prefix) ? CM_OK : CM_NOT_FOUND);
    if (status == CM_OK) side.watches.erase(prefix);
    return status;
  });
}

}  // namespace
}  // namespace kv

const cm_host_kv host_kv{sizeof(cm_host_kv), 0, &kv::publish, &kv::remove, &kv::watch, &kv::unwatch};

}  // namespace cellmesh::test::detail
