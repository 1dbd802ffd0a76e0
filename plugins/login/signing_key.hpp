#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace login {

// A private key for ES256, in PEM, and what follows from it.
struct SigningKey {
  std::string kid;  // thumbprint of the public key, RFC 7638
  std::string private_pem;
  std::string public_pem;

  // Nothing when it holds no private key on the curve P-256.
  static std::optional<SigningKey> parse(const std::string& pem);
  static SigningKey make();
};

// What a token says.
struct TokenClaims {
  std::string uid;
  std::string audience;
  std::string game;
  std::int64_t made = 0;     // seconds since 1970
  std::int64_t expires = 0;  // likewise
};

// A signed token with an id of its own. Throws std::runtime_error when it cannot be signed.
std::string make_token(const SigningKey& key, const TokenClaims& claims);

// 128 random bits in hex.
std::string random_id();

}  // namespace login
