#include "mesh/clients_seen.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace cm::mesh {
namespace {

constexpr std::size_t kFewest = 8;

}  // namespace

ClientsSeen::ClientsSeen() : seed_(std::uint64_t{std::random_device{}()} << 32U | std::random_device{}()) {}

std::size_t ClientsSeen::home(const Slot& slot) const {
  const auto refs = static_cast<std::uint64_t>(slot.agent) << 32U | static_cast<std::uint64_t>(slot.service);
  std::uint64_t h = (slot.session ^ seed_) * 0x9E3779B97F4A7C15ULL;
  h = (h ^ h >> 32U ^ refs) * 0xD6E8FEB86659FD93ULL;
  return static_cast<std::size_t>(h ^ h >> 32U) & (slots_.size() - 1);
}

std::size_t ClientsSeen::find(const Slot& wanted) const {
  std::size_t i = home(wanted);
  while (slots_[i] != wanted && slots_[i].agent != routing::ServiceRef::none) i = (i + 1) & (slots_.size() - 1);
  return i;
}

bool ClientsSeen::add(routing::ClientId client, routing::ServiceRef service) {
  if (slots_.size() < 2 * (size_ + 1)) rehash(std::max(kFewest, 2 * slots_.size()));
  const Slot wanted{client.session, client.agent, service};
  Slot& slot = slots_[find(wanted)];
  if (slot == wanted) return true;
  if (size_ == kMost) return false;
  slot = wanted;
  ++size_;
  return true;
}

bool ClientsSeen::contains(routing::ClientId client, routing::ServiceRef service) const {
  const Slot wanted{client.session, client.agent, service};
  return size_ != 0 && slots_[find(wanted)] == wanted;
}

bool ClientsSeen::erase(routing::ClientId client, routing::ServiceRef service) {
  if (!contains(client, service)) return false;
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = find({client.session, client.agent, service});
  // What follows moves up, unless that would put it before its home.
  for (std::size_t i = (hole + 1) & mask; slots_[i].agent != routing::ServiceRef::none; i = (i + 1) & mask) {
    if (((i - home(slots_[i])) & mask) < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = {};
  --size_;
  return true;
}

std::vector<ClientsSeen::Pair> ClientsSeen::take_if(const std::function<bool(const Pair&)>& wanted) {
  std::vector<Pair> taken;
  for (Slot& slot : slots_) {
    const Pair pair{{slot.agent, slot.session}, slot.service};
    if (slot.agent == routing::ServiceRef::none || !wanted(pair)) continue;
    taken.push_back(pair);
    slot = {};
    --size_;
  }
  if (!taken.empty()) rehash(slots_.size());
  return taken;
}

void ClientsSeen::rehash(std::size_t slots) {
  const std::vector<Slot> old = std::exchange(slots_, {});
  while (slots > kFewest && slots > 8 * size_) slots /= 2;
  slots_.resize(slots);
  for (const Slot& slot : old) {
    if (slot.agent == routing::ServiceRef::none) continue;
    std::size_t i = home(slot);
    while (slots_[i].agent != routing::ServiceRef::none) i = (i + 1) & (slots - 1);
    slots_[i] = slot;
  }
}

}  // namespace cm::mesh
