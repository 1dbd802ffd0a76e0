#include "key_ring.hpp"

#include <algorithm>
#include <utility>

namespace login {

bool KeyRing::has(const std::string& kid) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const Held& held) { return held.key.kid == kid; });
}

void KeyRing::offer(const SigningKey& key, std::int64_t now, const Terms& terms) {
  if (keys_.empty()) {
    keys_.push_back({key, now});
    return;
  }
  if (keys_.back().key.kid == key.kid) return;
  // One that waited has signed nothing.
  if (keys_.size() - 1 > signer_) {
    dropped_.push_back(keys_.back().key.kid);
    keys_.pop_back();
  }
  if (keys_.back().key.kid == key.kid) return;
  Held held;
  held.key = key;
  const auto before = std::find_if(keys_.begin(), keys_.end(), [&](const Held& h) { return h.key.kid == key.kid; });
  if (before != keys_.end()) {  // it signed already, and comes back
    held.until = before->until;
    keys_.erase(before);
    --signer_;
  }
  held.signs_from = now + terms.overlap;
  keys_.push_back(std::move(held));
}

void KeyRing::advance(std::int64_t now, const Terms& terms, const Publish& publish, const Remove& remove) {
  if (keys_.empty()) return;
  for (const auto& kid : std::exchange(dropped_, {})) {
    if (!has(kid)) remove(kid);
  }
  if (keys_.size() - 1 > signer_ && keys_.back().signs_from <= now) {
    keys_[signer_].gone_at = now + terms.token_life;
    signer_ = keys_.size() - 1;
  }
  for (auto it = keys_.begin(); it != keys_.end();) {
    if (it->gone_at == 0 || it->gone_at > now) {
      ++it;
      continue;
    }
    remove(it->key.kid);
    it = keys_.erase(it);
    --signer_;
  }
  for (Held& held : keys_) {
    if (held.until - now > terms.lease / 2) continue;
    held.until = now + terms.lease;
    publish(held.key.kid, held.key.public_pem, held.until);
  }
}

void KeyRing::save(proto::LoginState& state) const {
  for (const Held& held : keys_) {
    auto& key = *state.add_keys();
    key.set_private_pem(held.key.private_pem);
    key.set_signs_from(held.signs_from);
    key.set_gone_at(held.gone_at);
    key.set_until(held.until);
  }
  state.set_signer(static_cast<std::uint32_t>(signer_));
  for (const auto& kid : dropped_) state.add_dropped_keys(kid);
}

void KeyRing::load(const proto::LoginState& state) {
  for (const auto& saved : state.keys()) {
    if (auto key = SigningKey::parse(saved.private_pem())) {
      keys_.push_back({std::move(*key), saved.signs_from(), saved.gone_at(), saved.until()});
    }
  }
  signer_ = std::min<std::size_t>(state.signer(), keys_.empty() ? 0 : keys_.size() - 1);
  dropped_.assign(state.dropped_keys().begin(), state.dropped_keys().end());
}

}  // namespace login
