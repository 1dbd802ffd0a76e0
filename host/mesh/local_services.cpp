#include "mesh/local_services.hpp"

#include <algorithm>
#include <span>

#include "mesh.pb.h"

namespace cm::mesh {
namespace {

constexpr int kServicesPerFrame = 256;
constexpr std::int64_t kLoadRefreshMs = 2000;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

void LocalServices::announce() {
  ::cellmesh::mesh::Announce message;
  const auto send = [&] {
    if (message.services_size() == 0) return;
    sender_.frame(FrameType::announce, bytes_of(message.SerializeAsString()));
    message.Clear();
  };
  for (const auto& entry : view_.get().entries) {
    if (!entry.host.empty()) continue;
    const Announced now{.frontend = entry.clients != nullptr,
                        .gateway = entry.gateway,
                        .draining = entry.draining,
                        .public_address = entry.public_address,
                        .unhealthy = entry.unhealthy};
    auto [it, fresh] = announced_.try_emplace(entry.ref);
    Announced& known = it->second;
    if (!fresh && known.frontend == now.frontend && known.gateway == now.gateway && known.draining == now.draining &&
        known.public_address == now.public_address && known.unhealthy == now.unhealthy) {
      continue;
    }
    known = now;
    if (sender_.wire_ref(entry.ref) == 0) continue;
    auto& service = *message.add_services();
    service.set_id(std::string(names_.service_id(entry.ref)));
    service.set_frontend(now.frontend);
    service.set_public_address(now.public_address);
    service.set_gateway(now.gateway);
    service.set_draining(now.draining);
    service.set_unhealthy(now.unhealthy);
    if (routing::Registry::load_known(entry)) {
      service.set_load_known(true);
      service.set_load(entry.load->users.load(std::memory_order_relaxed));
    }
    if (message.services_size() == kServicesPerFrame) send();
  }
  send();
}

std::vector<routing::ServiceRef> LocalServices::withdraw() {
  const auto& snapshot = view_.get();
  std::vector<routing::ServiceRef> gone;
  for (const auto& [ref, known] : announced_) {
    const auto* entry = snapshot.find(ref);
    if (entry == nullptr || !entry->host.empty()) gone.push_back(ref);
  }
  if (gone.empty()) return gone;
  std::sort(gone.begin(), gone.end());
  std::vector<std::byte> payload(4 * gone.size());
  for (std::size_t i = 0; i < gone.size(); ++i) {
    put_u32(payload.data() + 4 * i, sender_.wire_ref(gone[i]));
    announced_.erase(gone[i]);
  }
  sender_.frame(FrameType::withdraw, payload);
  return gone;
}

void LocalServices::send_loads(std::int64_t now_ms) {
  std::vector<std::byte> payload;
  const auto& snapshot = view_.get();
  for (auto& [ref, known] : announced_) {
    const auto* entry = snapshot.find(ref);
    if (entry == nullptr || !entry->host.empty() || !routing::Registry::load_known(*entry)) continue;
    const std::uint64_t load = entry->load->users.load(std::memory_order_relaxed);
    if (load == known.load && now_ms < known.load_due_ms) continue;
    known.load = load;
    known.load_due_ms = now_ms + kLoadRefreshMs;
    const std::size_t at = payload.size();
    payload.resize(at + 12);
    put_u32(payload.data() + at, sender_.wire_ref(ref));
    put_u64(payload.data() + at + 4, load);
  }
  if (!payload.empty()) sender_.frame(FrameType::loads, payload);
}

}  // namespace cm::mesh
