#include "session/peers.hpp"

namespace cm::session {

using routing::KindRef;
using routing::ServiceRef;

void Peers::bind(KindRef kind, ServiceRef service) {
  unbind(kind);
  find_or_add(kind, service).bound = true;
}

bool Peers::unbind(KindRef kind) {
  for (std::uint32_t i = 0; i < size_; ++i) {
    Peer& peer = at(i);
    if (!peer.bound || peer.kind != kind) continue;
    peer.bound = false;
    return true;
  }
  return false;
}

Peers::Peer Peers::forget(ServiceRef service) {
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (at(i).service != service) continue;
    const Peer gone = at(i);
    at(i) = at(--size_);
    if (size_ < kInline) {
      more_.reset();
    } else {
      more_->pop_back();
    }
    return gone;
  }
  return {};
}

Peers::Peer& Peers::find_or_add(KindRef kind, ServiceRef service) {
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (at(i).service == service) return at(i);
  }
  if (size_ < kInline) {
    inline_[size_] = Peer{service, kind, false};
  } else {
    if (!more_) more_ = std::make_unique<std::vector<Peer>>();
    more_->push_back(Peer{service, kind, false});
  }
  return at(size_++);
}

}  // namespace cm::session
