#include "plugin/host_extensions.hpp"
#include "plugin/shared_kv.hpp"

namespace cm::plugin {
namespace {

constexpr std::string_view kBadName =
    "the name of a shared entry is 1 to 200 bytes, words of a-z, A-Z, 0-9 and \"-_.@#\" parted by single slashes";

// Runs fn(kv) for a good name.
template <class Fn>
cm_status on_kv(const cm_host* host, const char* text, bool (*good)(std::string_view), Fn&& fn) {
  return on_sender(host, [&](Service& s) -> cm_status {
    if (text == nullptr || !good(text)) return s.invalid(kBadName);
    SharedKv* kv = s.surroundings().kv;
    return kv != nullptr ? fn(s, *kv) : CM_UNAVAILABLE;
  });
}

cm_status publish(const cm_host* host, const char* name, const uint8_t* value, size_t size) {
  return on_kv(host, name, &SharedKv::good_name, [&](Service& s, SharedKv& kv) -> cm_status {
    if (bad_bytes(value, size)) return s.invalid("a shared entry's value is NULL");
    if (size > CM_MAX_KV_VALUE) return CM_TOO_LARGE;
    return kv.publish(s.ref(), name, std::string(text_of(value, size)));
  });
}

cm_status remove(const cm_host* host, const char* name) {
  return on_kv(host, name, &SharedKv::good_name, [&](Service& s, SharedKv& kv) -> cm_status {
    kv.remove(s.ref(), name);
    return CM_OK;
  });
}

cm_status watch(const cm_host* host, const char* prefix) {
  return on_kv(host, prefix, &SharedKv::good_prefix,
               [&](Service& s, SharedKv& kv) { return kv.watch(s.ref(), s.mailbox(), prefix); });
}

cm_status unwatch(const cm_host* host, const char* prefix) {
  return on_kv(host, prefix, &SharedKv::good_prefix,
               [&](Service& s, SharedKv& kv) { return kv.unwatch(s.ref(), prefix); });
}

}  // namespace

const cm_host_kv kHostKv{sizeof(cm_host_kv), 0, &publish, &remove, &watch, &unwatch};

}  // namespace cm::plugin
