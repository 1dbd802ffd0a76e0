#include "plugin/host_extensions.hpp"

namespace cm::plugin {
namespace {

bool is_version(uint32_t version) { return version >= 1 && version <= CM_PROTOCOL_ANY; }

cm_status set_default(const cm_host* host, uint32_t version) {
  return on_sender(host, [&](Service& s) -> cm_status {
    if (!s.has_frontend()) return s.invalid("a client protocol before its frontend was opened");
    if (!is_version(version)) return s.invalid("the version of a client protocol is 1 to 255");
    s.surroundings().frontends->set_protocol(s.ref(), static_cast<std::uint8_t>(version));
    return CM_OK;
  });
}

cm_status set(const cm_host* host, const cm_client* client, uint32_t version) {
  return on_sender(host, [&](Service& s) -> cm_status {
    if (client == nullptr || client->session == 0 || client->agent != static_cast<cm_service>(s.ref())) {
      return s.invalid("the client is not one of this service's own frontend");
    }
    if (!is_version(version)) return s.invalid("the version of a client protocol is 1 to 255");
    auto e = s.envelope(routing::Kind::protocol, s.ref());
    e.client = {s.ref(), client->session};
    e.status = static_cast<std::int32_t>(version);
    return s.send(e);
  });
}

}  // namespace

const cm_host_client_protocol kHostClientProtocol{sizeof(cm_host_client_protocol), 0, &set_default, &set};

}  // namespace cm::plugin
