#include "mesh/peer_refs.hpp"

#include "base/log.hpp"
#include "mesh/wire.hpp"

namespace cm::mesh {

base::Status PeerRefs::define(std::uint32_t wire_ref, std::string_view id) {
  if (wire_ref == 0 || wire_ref > kMaxRef) {
    return base::error("it defined the ref " + std::to_string(wire_ref) + ", refs are 1 to " + std::to_string(kMaxRef));
  }
  if (id.size() > kMaxServiceId)
    return base::error("it defined a service id of " + std::to_string(id.size()) + " bytes");
  if (defined_ == kMaxDefines) return base::error("it defined more than " + std::to_string(kMaxDefines) + " services");
  const routing::ServiceRef ref = names_.service(id);
  if (ref == routing::ServiceRef::none) {
    return base::error("it defined the service id " + base::log_value(id) +
                       ", which is not of the form name#index@group, or this host knows too many already");
  }
  if (wire_ref >= known_.size()) known_.resize(std::size_t{wire_ref} + 1);
  Known& known = known_[wire_ref];
  if (known.ref == ref) return {};
  if (known.ref != routing::ServiceRef::none) {
    return base::error("it defined the ref " + std::to_string(wire_ref) + " twice, now as " + base::log_value(id));
  }
  known.ref = ref;
  ++defined_;
  return {};
}

void PeerRefs::reset() {
  known_.clear();
  defined_ = 0;
}

}  // namespace cm::mesh
