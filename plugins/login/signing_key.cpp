#include "signing_key.hpp"

#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "../tokens/public_key.hpp"

namespace login {
namespace {

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Bio = std::unique_ptr<BIO, int (*)(BIO*)>;

constexpr std::size_t coordinate_bytes = 32;

std::string base64url(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (std::size_t i = 0; i < size; ++i) {
    bits = bits << 8U | data[i];
    for (count += 8; count >= 6; count -= 6) out += letters[bits >> (count - 6) & 63U];
  }
  if (count > 0) out += letters[bits << (6 - count) & 63U];
  return out;
}

std::string coordinate(EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  std::array<std::uint8_t, coordinate_bytes> bytes{};
  const bool got = EVP_PKEY_get_bn_param(key, name, &raw) == 1;
  const std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> number(raw, &BN_free);
  if (!got || BN_bn2binpad(raw, bytes.data(), static_cast<int>(bytes.size())) < 0) return {};
  return base64url(bytes.data(), bytes.size());
}

std::string thumbprint(EVP_PKEY* key) {
  const std::string jwk = R"({"crv":"P-256","kty":"EC","x":")" + coordinate(key, OSSL_PKEY_PARAM_EC_PUB_X) +
                          R"(","y":")" + coordinate(key, OSSL_PKEY_PARAM_EC_PUB_Y) + R"("})";
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const std::uint8_t*>(jwk.data()), jwk.size(), digest.data());
  return base64url(digest.data(), digest.size());
}

bool is_p256(EVP_PKEY* key) {
  std::array<char, 80> group{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

template <class Write>
std::string pem_of(Write&& write) {
  const Bio bio(BIO_new(BIO_s_secmem()), &BIO_free);
  if (!bio || write(bio.get()) != 1) throw std::runtime_error("a key cannot be written as PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

SigningKey whole(EVP_PKEY* key) {
  return {thumbprint(key),
          pem_of([&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr); }),
          pem_of([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key); })};
}

void must(int failed, const char* what) {
  if (failed != 0) throw std::runtime_error(std::string("a token cannot be made: ") + what);
}

int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

}  // namespace

std::optional<SigningKey> SigningKey::parse(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_passphrase, nullptr), &EVP_PKEY_free);
  ERR_clear_error();
  if (!key || !is_p256(key.get())) return std::nullopt;
  return whole(key.get());
}

SigningKey SigningKey::make() {
  const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  if (!key) throw std::runtime_error("no signing key can be made");
  return whole(key.get());
}

std::string make_token(const SigningKey& key, const TokenClaims& claims) {
  jwt_t* raw = nullptr;
  must(jwt_new(&raw), "no memory");
  const std::unique_ptr<jwt_t, void (*)(jwt_t*)> jwt(raw, &jwt_free);
  must(jwt_add_header(raw, "kid", key.kid.c_str()), "kid");
  must(jwt_add_grant(raw, "uid", claims.uid.c_str()), "uid");
  must(jwt_add_grant(raw, "aud", claims.audience.c_str()), "aud");
  must(jwt_add_grant(raw, "game", claims.game.c_str()), "game");
  must(jwt_add_grant(raw, "jti", random_id().c_str()), "jti");
  must(jwt_add_grant_int(raw, "iat", claims.made), "iat");
  must(jwt_add_grant_int(raw, "nbf", claims.made), "nbf");
  must(jwt_add_grant_int(raw, "exp", claims.expires), "exp");
  must(jwt_set_alg(raw, JWT_ALG_ES256, reinterpret_cast<const unsigned char*>(key.private_pem.c_str()),
                   static_cast<int>(key.private_pem.size())),
       "alg");
  const std::unique_ptr<char, void (*)(void*)> token(jwt_encode_str(raw), &std::free);
  ERR_clear_error();
  if (!token) throw std::runtime_error("a token cannot be signed");
  return token.get();
}

std::string random_id() {
  std::array<std::uint8_t, 16> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) throw std::runtime_error("no random bytes");
  std::string id;
  for (const unsigned byte : bytes) {
    id += "0123456789abcdef"[byte >> 4U];
    id += "0123456789abcdef"[byte & 15U];
  }
  return id;
}

}  // namespace login
