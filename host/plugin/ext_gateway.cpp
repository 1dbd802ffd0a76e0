#include "base/log.hpp"
#include "plugin/host_extensions.hpp"
#include "plugin/text.hpp"

namespace cm::plugin {
namespace {

using routing::Kind;
using routing::ServiceRef;

cm_status open(const cm_host* host, const cm_frontend_options* options, uint16_t* port) {
  return on_sender(host, [&](Service& s) -> cm_status {
    routing::FrontendOptions read;
    if (const auto why = read_frontend_options(options, read); !why.empty()) return s.invalid(why);
    if (s.draining()) return CM_STOPPING;
    if (s.has_frontend()) return s.invalid("it has a frontend already");
    std::uint16_t got = 0;
    if (auto status = s.open_frontend(read, nullptr, got); !status) {
      s.log_failure("cannot open its frontend: " + status.error().text);
      return CM_UNAVAILABLE;
    }
    if (port != nullptr) *port = got;
    return CM_OK;
  });
}

cm_status update(const cm_host* host, const cm_frontend_options* options) {
  return on_sender(host, [&](Service& s) -> cm_status {
    routing::FrontendOptions read;
    if (const auto why = read_frontend_options(options, read); !why.empty()) return s.invalid(why);
    if (!s.has_frontend()) return s.invalid("it has no frontend to update");
    if (auto status = s.surroundings().frontends->update(s.ref(), read); !status) {
      return s.invalid(status.error().text);
    }
    return CM_OK;
  });
}

cm_status intercept(const cm_host* host, uint16_t id) {
  return on_sender(host, [&](Service& s) -> cm_status {
    if (id == 0) return s.invalid("a message has no id 0");
    if (!s.has_frontend()) return s.invalid("intercept before its frontend was opened");
    s.surroundings().frontends->intercept(s.ref(), id);
    return CM_OK;
  });
}

// A command to the session of a client of this service's own.
template <class Fill>
cm_status command(const cm_host* host, const cm_client* client, Kind kind, Fill&& fill) {
  return on_sender(host, [&](Service& s) -> cm_status {
    if (client == nullptr || client->session == 0 || client->agent != static_cast<cm_service>(s.ref())) {
      return s.invalid("the client is none of this service's own frontend");
    }
    auto e = s.envelope(kind, s.ref());
    e.client = {s.ref(), client->session};
    if (const cm_status status = fill(s, e); status != CM_OK) return status;
    return s.send(e);
  });
}

cm_status release(const cm_host* host, const cm_client* client) {
  return command(host, client, Kind::release, [](Service&, auto&) { return CM_OK; });
}

cm_status admit(const cm_host* host, const cm_client* client) {
  return command(host, client, Kind::admit, [](Service&, auto&) { return CM_OK; });
}

cm_status bind(const cm_host* host, const cm_client* client, cm_service service) {
  return command(host, client, Kind::bind, [&](Service& s, routing::Envelope& e) -> cm_status {
    const auto ref = static_cast<ServiceRef>(service);
    if (s.view().get().find(ref) == nullptr) return CM_UNAVAILABLE;
    e.body = std::as_bytes(std::span(s.names().service_id(ref)));
    return CM_OK;
  });
}

cm_status unbind(const cm_host* host, const cm_client* client, const char* kind) {
  return command(host, client, Kind::unbind, [&](Service& s, routing::Envelope& e) -> cm_status {
    if (kind == nullptr || *kind == '\0') return s.invalid("unbind without a kind");
    e.body = std::as_bytes(std::span(std::string_view(kind)));
    return CM_OK;
  });
}

uint64_t client_count(const cm_host* host, uint64_t* admitted) {
  if (admitted != nullptr) *admitted = 0;
  const Service* s = Service::of(host);
  if (s == nullptr || s->surroundings().frontends == nullptr) return 0;
  const auto counts = s->surroundings().frontends->counts(s->ref());
  if (admitted != nullptr) *admitted = counts.admitted;
  return counts.clients;
}

}  // namespace

std::string_view read_frontend_options(const cm_frontend_options* given, routing::FrontendOptions& out) {
  cm_frontend_options whole{};
  if (!read_struct(given, offsetof(cm_frontend_options, ping_id), whole)) {
    return "frontend options are NULL or too short";
  }
  const cm_frontend_options* in = &whole;
  if (in->port > 65'535) return "a frontend's port is over 65535";
  if (in->max_body > CM_MAX_CLIENT_BODY) return "a frontend's max_body is over CM_MAX_CLIENT_BODY";
  out.routes = in->routes != 0;
  if (in->address != nullptr && *in->address != '\0') out.address = in->address;
  if (in->public_host != nullptr) out.public_host = in->public_host;
  out.port = static_cast<std::uint16_t>(in->port);
  if (in->max_clients != 0) out.max_clients = in->max_clients;
  if (in->max_body != 0) out.max_body = in->max_body;
  if (in->outbox_limit != 0) out.outbox_limit = in->outbox_limit;
  out.idle_timeout_ms = in->idle_timeout_ms;
  out.admit_timeout_ms = in->admit_timeout_ms;
  if (in->max_refused != 0) out.max_refused = in->max_refused;
  if (in->ping_id > 65'535) return "a frontend's ping_id is over 65535";
  out.ping_id = static_cast<std::uint16_t>(in->ping_id);
  if (in->ping_id != 0) out.ping_timeout_ms = in->ping_timeout_ms;
  return {};
}

const cm_host_gateway kHostGateway{
    sizeof(cm_host_gateway), 0, &open, &update, &intercept, &release, &admit, &bind, &unbind, &client_count};

}  // namespace cm::plugin
