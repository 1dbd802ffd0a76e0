#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

using routing::ListenerOptions;

void take(std::string& into, const char* text) {
  if (text != nullptr) into = text;
}

// 0 is the default.
void take(std::uint32_t& into, std::uint32_t ms) {
  if (ms != 0) into = ms == CM_NEVER ? 0 : ms;
}

// Why the options are none; empty when they are good. The session room knows the rest.
std::string_view read_options(const cm_listener_options* given, ListenerOptions& out) {
  cm_listener_options whole{};
  if (!read_struct(given, offsetof(cm_listener_options, subprotocols), whole)) {
    return "listener options are NULL or too short";
  }
  const cm_listener_options* in = &whole;
  if (in->transport < CM_TRANSPORT_TCP || in->transport > CM_TRANSPORT_WSS) return "a listener's transport is none";
  if (in->port > 65'535) return "a listener's port is over 65535";
  if (in->tls_min_version != 0 && in->tls_min_version != 12 && in->tls_min_version != 13) {
    return "a listener's tls_min_version is neither 12 nor 13";
  }
  if (bad_bytes(in->page, in->page_size)) return "a listener's page is NULL";
  out.transport = static_cast<routing::Transport>(in->transport);
  take(out.address, in->address);
  take(out.public_host, in->public_host);
  out.port = static_cast<std::uint16_t>(in->port);
  out.max_body = in->max_body;
  if (in->max_handshakes != 0) out.max_handshakes = in->max_handshakes;
  if (in->handshake_timeout_ms != 0) out.handshake_timeout_ms = in->handshake_timeout_ms;
  take(out.certificate, in->certificate);
  take(out.private_key, in->private_key);
  if (in->tls_min_version != 0) out.tls_min_version = in->tls_min_version;
  take(out.origins, in->origins);
  out.deflate = in->deflate != 0;
  take(out.page_type, in->page_type);
  out.page = text_of(in->page, in->page_size);
  take(out.subprotocols, in->subprotocols);
  take(out.ping_interval_ms, in->ping_interval_ms);
  take(out.peer_timeout_ms, in->peer_timeout_ms);
  return {};
}

cm_status open(const cm_host* host, const cm_frontend_options* options, const cm_listener_options* listener,
               uint32_t* number) {
  return on_sender(host, [&](Service& s) -> cm_status {
    routing::FrontendOptions frontend;
    ListenerOptions first;
    if (const auto why = read_frontend_options(options, frontend); !why.empty()) return s.invalid(why);
    if (const auto why = read_options(listener, first); !why.empty()) return s.invalid(why);
    if (s.draining()) return CM_STOPPING;
    if (s.has_frontend()) return s.invalid("it has a frontend already");
    std::uint16_t port = 0;
    if (auto status = s.open_frontend(frontend, &first, port); !status) {
      s.log_failure("cannot open its frontend: " + status.error().text);
      return CM_UNAVAILABLE;
    }
    if (number != nullptr) *number = 1;
    return CM_OK;
  });
}

cm_status add(const cm_host* host, const cm_listener_options* options, uint32_t* number) {
  return on_sender(host, [&](Service& s) -> cm_status {
    ListenerOptions read;
    if (const auto why = read_options(options, read); !why.empty()) return s.invalid(why);
    if (s.draining()) return CM_STOPPING;
    if (!s.has_frontend()) return s.invalid("a listener before its frontend was opened");
    const auto added = s.surroundings().frontends->add_listener(s.ref(), read);
    if (!added) {
      s.log_failure("cannot open a listener: " + added.error().text);
      return CM_UNAVAILABLE;
    }
    if (number != nullptr) *number = added->number;
    return CM_OK;
  });
}

cm_status update(const cm_host* host, uint32_t number, const cm_listener_options* options) {
  return on_sender(host, [&](Service& s) -> cm_status {
    ListenerOptions read;
    if (const auto why = read_options(options, read); !why.empty()) return s.invalid(why);
    if (!s.has_frontend()) return s.invalid("it has no frontend to update");
    auto* frontends = s.surroundings().frontends;
    if (number == 0 || number > frontends->listeners(s.ref()).size()) return CM_NOT_FOUND;
    if (auto status = frontends->update_listener(s.ref(), number, read); !status) {
      s.log(spdlog::level::warn, "a listener stays as it was: " + status.error().text);
      return CM_UNAVAILABLE;
    }
    return CM_OK;
  });
}

cm_status list(const cm_host* host, void (*visit)(void* ctx, const cm_listener_info* info), void* ctx) {
  return on_service_thread(host, [&](Service& s) -> cm_status {
    if (visit == nullptr) return s.invalid("a list without a visitor");
    if (!s.has_frontend()) return CM_OK;
    for (const auto& listener : s.surroundings().frontends->listeners(s.ref())) {
      std::string urls;
      for (const auto& url : listener.urls) urls += (urls.empty() ? "" : " ") + url;
      const cm_listener_info info{
          sizeof(cm_listener_info),      listener.number, static_cast<cm_transport>(listener.transport), listener.port,
          listener.urls.front().c_str(), urls.c_str()};
      visit(ctx, &info);
    }
    return CM_OK;
  });
}

}  // namespace

const cm_host_listeners kHostListeners{sizeof(cm_host_listeners), 0, &open, &add, &update, &list};

}  // namespace cm::plugin
