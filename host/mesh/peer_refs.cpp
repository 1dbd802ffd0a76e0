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
  Known known;
  known.ref = names_.find(id);
  if (wire_ref < known_.size() && known_[wire_ref].ref != routing::ServiceRef::none) {
    if (known_[wire_ref].ref == known.ref) return {};
    return base::error("it defined the ref " + std::to_string(wire_ref) + " twice, now as " + base::log_value(id));
  }
  if (defined_ == limits_.max_names) {
    return base::error("it named more than " + std::to_string(limits_.max_names) + " services (max_names)");
  }
  const auto held = names_.hold(id);
  if (!held) return base::error("it defined a service that is not taken: " + held.error().text);
  known.ref = *held;
  const routing::KindRef kind = names_.kind_of(known.ref);
  if (!kinds_.contains(kind) && kinds_.size() == limits_.max_kinds) {
    names_.release(known.ref);
    return base::error("it named more than " + std::to_string(limits_.max_kinds) + " kinds of service (max_kinds)");
  }
  kinds_.insert(kind);
  if (wire_ref >= known_.size()) known_.resize(std::size_t{wire_ref} + 1);
  known_[wire_ref] = known;
  const auto i = static_cast<std::size_t>(known.ref);
  if (i >= is_defined_.size()) is_defined_.resize(i + 1);
  is_defined_[i] = true;
  ++defined_;
  return {};
}

void PeerRefs::reset() {
  std::vector<routing::ServiceRef> held;
  for (const Known& known : known_) {
    if (known.ref != routing::ServiceRef::none) held.push_back(known.ref);
  }
  names_.release(held);
  known_.clear();
  is_defined_.clear();
  kinds_.clear();
  defined_ = 0;
}

}  // namespace cm::mesh
