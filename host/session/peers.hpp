#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "routing/ids.hpp"

namespace cm::session {

// The services that a client has to do with: bound to one instance a kind at most, and known to those that it was bound
// to or had spoken to, which are told of its end. Four of them take no memory of their own.
class Peers {
 public:
  struct Peer {
    routing::ServiceRef service = routing::ServiceRef::none;
    routing::KindRef kind = routing::KindRef::none;
    bool bound = false;
  };

  // The instance that a kind is bound to, or none.
  [[nodiscard]] routing::ServiceRef bound(routing::KindRef kind) const {
    for (std::uint32_t i = 0; i < size_; ++i) {
      const Peer& peer = at(i);
      if (peer.bound && peer.kind == kind) return peer.service;
    }
    return routing::ServiceRef::none;
  }

  // Binds the kind; who was bound to it before stays known.
  void bind(routing::KindRef kind, routing::ServiceRef service);
  // Who was bound to it stays known. False when nobody was.
  bool unbind(routing::KindRef kind);
  void know(routing::KindRef kind, routing::ServiceRef service) { find_or_add(kind, service); }
  // It is gone for good; what it was.
  Peer forget(routing::ServiceRef service);

  template <class Fn>
  void for_each(Fn&& fn) const {
    for (std::uint32_t i = 0; i < size_; ++i) fn(at(i));
  }

 private:
  static constexpr std::uint32_t kInline = 4;

  [[nodiscard]] const Peer& at(std::uint32_t i) const { return i < kInline ? inline_[i] : (*more_)[i - kInline]; }
  [[nodiscard]] Peer& at(std::uint32_t i) { return i < kInline ? inline_[i] : (*more_)[i - kInline]; }
  Peer& find_or_add(routing::KindRef kind, routing::ServiceRef service);

  std::array<Peer, kInline> inline_{};
  std::unique_ptr<std::vector<Peer>> more_;
  std::uint32_t size_ = 0;
};

}  // namespace cm::session
