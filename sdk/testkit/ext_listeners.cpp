// SPDX-License-Identifier: MIT
#include "extensions.hpp"

namespace cellmesh::test::detail {
namespace listeners {
namespace {

constexpr std::uint16_t any_port = 40001;  // what the first listener gets that did not ask for one; then the next

// Reads the options. Returns why they are bad, or an empty text.
std::string_view bad_options(const cm_listener_options* given, cm_listener_options& in) {
  if (!read_struct(given, offsetof(cm_listener_options, subprotocols), in)) {
    return "listener options are NULL or too short";
  }
  if (in.transport < CM_TRANSPORT_TCP || in.transport > CM_TRANSPORT_WSS) return "a listener's transport is none";
  if (in.port > 65'535) return "a listener's port is over 65535";
  if (in.tls_min_version != 0 && in.tls_min_version != 12 && in.tls_min_version != 13) {
    return "a listener's tls_min_version is neither 12 nor 13";
  }
  if (bad_bytes(in.page, in.page_size)) return "a listener's page is NULL";
  return {};
}

void take(std::string& into, const char* text) { into = text != nullptr ? text : ""; }

void keep(const cm_listener_options& in, FrontendListener& listener) {
  listener.options = in;
  take(listener.address, in.address);
  take(listener.public_host, in.public_host);
  take(listener.certificate, in.certificate);
  take(listener.private_key, in.private_key);
  take(listener.origins, in.origins);
  take(listener.page_type, in.page_type);
  listener.page = text_of(in.page, in.page_size);
  take(listener.subprotocols, in.subprotocols);
  for (const char** text : {&listener.options.address, &listener.options.public_host, &listener.options.certificate,
                            &listener.options.private_key, &listener.options.origins, &listener.options.page_type,
                            &listener.options.subprotocols}) {
    *text = nullptr;
  }
  listener.options.page = nullptr;
}

std::string url_of(const Frontend& frontend, const FrontendListener& listener) {
  const bool websocket = listener.options.transport >= CM_TRANSPORT_WS;
  const std::string scheme = listener.options.transport == CM_TRANSPORT_TCP   ? "tcp"
                             : listener.options.transport == CM_TRANSPORT_TLS ? "tls"
                             : listener.options.transport == CM_TRANSPORT_WS  ? "ws"
                                                                              : "wss";
  const std::string& host = !listener.public_host.empty() ? listener.public_host : frontend.public_host;
  return scheme + "://" + (host.empty() ? "127.0.0.1" : host) + ":" + std::to_string(listener.port) +
         (websocket ? "/" : "");
}

void add_to(Frontend& frontend, const cm_listener_options& options) {
  FrontendListener& listener = frontend.listeners.emplace_back();
  keep(options, listener);
  listener.port = options.port != 0 ? static_cast<std::uint16_t>(options.port)
                                    : static_cast<std::uint16_t>(any_port + frontend.listeners.size() - 1);
  listener.url = url_of(frontend, listener);
}

cm_status open(const cm_host* host, const cm_frontend_options* options, const cm_listener_options* given,
               uint32_t* number) {
  cm_listener_options listener{};
  if (const auto why = bad_options(given, listener); !why.empty()) {
    return on_sender(host, [&](HostSide& side) { return side.invalid(why); });
  }
  const bool tcp = listener.transport == CM_TRANSPORT_TCP;
  const cm_status status = host_gateway.open(host, options, nullptr);
  if (status != CM_OK) return status;
  HostSide& side = *HostSide::of(host);
  side.frontend->listeners.clear();
  add_to(*side.frontend, listener);
  std::string& address = side.find(side.ref)->peer.address;
  address = tcp ? side.frontend->listeners[0].url.substr(6) : std::string();
  if (number != nullptr) *number = 1;
  return CM_OK;
}

cm_status add(const cm_host* host, const cm_listener_options* given, uint32_t* number) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    cm_listener_options options{};
    if (const auto why = bad_options(given, options); !why.empty()) return side.invalid(why);
    if (Generation::of(host)->phase == Phase::stopping) return CM_STOPPING;
    if (!side.frontend) return side.invalid("a listener before its frontend was opened");
    const cm_status status = side.note({.did = Did::listeners_add});
    if (status != CM_OK) {
      side.write_line(CM_LOG_ERROR, "cannot open a listener: the test refuses it");
      return status;
    }
    add_to(*side.frontend, options);
    if (number != nullptr) *number = static_cast<std::uint32_t>(side.frontend->listeners.size());
    return CM_OK;
  });
}

cm_status update(const cm_host* host, uint32_t number, const cm_listener_options* given) {
  return on_sender(host, [&](HostSide& side) -> cm_status {
    cm_listener_options options{};
    if (const auto why = bad_options(given, options); !why.empty()) return side.invalid(why);
    if (!side.frontend) return side.invalid("it has no frontend to update");
    if (number == 0 || number > side.frontend->listeners.size()) return CM_NOT_FOUND;
    const cm_status status = side.note({.did = Did::listeners_update, .number = number});
    if (status != CM_OK) return status;
    FrontendListener& listener = side.frontend->listeners[number - 1];
    const FrontendListener before = listener;  // transport, address and port stay
    keep(options, listener);
    listener.options.transport = before.options.transport;
    listener.options.port = before.options.port;
    listener.address = before.address;
    listener.public_host = before.public_host;
    return CM_OK;
  });
}

cm_status list(const cm_host* host, void (*visit)(void* ctx, const cm_listener_info* info), void* ctx) {
  return on_service_thread(host, [&](HostSide& side) -> cm_status {
    if (visit == nullptr) return side.invalid("a list without a visitor");
    if (!side.frontend) return CM_OK;
    std::uint32_t number = 0;
    for (const FrontendListener& listener : side.frontend->listeners) {
      const cm_listener_info info{sizeof(cm_listener_info),   ++number,
                                  listener.options.transport, listener.port,
                                  listener.url.c_str(),       listener.url.c_str()};
      visit(ctx, &info);
    }
    return CM_OK;
  });
}

}  // namespace
}  // namespace listeners

const cm_host_listeners host_listeners{
    sizeof(cm_host_listeners), 0, &listeners::open, &listeners::add, &listeners::update, &listeners::list};

}  // namespace cellmesh::test::detail
