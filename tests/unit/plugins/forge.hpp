#pragma once

#include <jwt.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include "login/signing_key.hpp"

namespace tokens::test {

inline std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// A maker of tokens, good ones and others.
struct Forge {
  std::string audience = "agent#0@test/0123456789abcdef";
  std::int64_t now = unix_now();

  jwt_alg_t alg = JWT_ALG_ES256;
  std::string key = signer().private_pem;
  std::string kid = signer().kid;
  std::map<std::string, std::string> texts = {
      {"uid", "ann"}, {"aud", audience}, {"game", "game#0@test"}, {"jti", login::random_id()}};
  std::map<std::string, std::int64_t> numbers = {{"iat", now}, {"nbf", now}, {"exp", now + 60}};

  // The keys of the login, and of nobody.
  static const login::SigningKey& signer() {
    static const login::SigningKey key = login::SigningKey::make();
    return key;
  }
  static const login::SigningKey& stranger() {
    static const login::SigningKey key = login::SigningKey::make();
    return key;
  }

  [[nodiscard]] std::string token() const {
    jwt_t* raw = nullptr;
    if (jwt_new(&raw) != 0) throw std::runtime_error("jwt_new");
    const std::unique_ptr<jwt_t, void (*)(jwt_t*)> jwt(raw, &jwt_free);
    if (!kid.empty()) jwt_add_header(raw, "kid", kid.c_str());
    for (const auto& [name, value] : texts) jwt_add_grant(raw, name.c_str(), value.c_str());
    for (const auto& [name, value] : numbers) jwt_add_grant_int(raw, name.c_str(), value);
    const bool signs = alg != JWT_ALG_NONE;
    if (jwt_set_alg(raw, alg, signs ? reinterpret_cast<const unsigned char*>(key.c_str()) : nullptr,
                    signs ? static_cast<int>(key.size()) : 0) != 0) {
      throw std::runtime_error("jwt_set_alg");
    }
    const std::unique_ptr<char, void (*)(void*)> text(jwt_encode_str(raw), &std::free);
    if (!text) throw std::runtime_error("jwt_encode_str");
    return text.get();
  }
};

}  // namespace tokens::test
