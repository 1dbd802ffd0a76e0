#include "token_check.hpp"

#include <jwt.h>
#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <optional>

#include "../tokens/public_key.hpp"
#include "../tokens/uid.hpp"

namespace agent {
namespace {

using Jwt = std::unique_ptr<jwt_t, void (*)(jwt_t*)>;
using Found = TokenCheck::Found;

constexpr std::size_t signature_letters = 86;  // of the 64 bytes of an ES256 signature
constexpr std::size_t longest_id = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_base64url(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || c == '-' || c == '_'; });
}

// Three words of base64url parted by dots; the library is not as strict. The last may be empty: alg "none" is.
std::optional<std::array<std::string_view, 3>> parts_of(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.size() > tokens::longest_token) return std::nullopt;
  const std::array parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
  if (parts[0].empty() || parts[1].empty() || !std::all_of(parts.begin(), parts.end(), is_base64url)) {
    return std::nullopt;
  }
  return parts;
}

// Without a key it is only taken apart.
Jwt decode(const std::string& token, const std::string* key) {
  jwt_t* decoded = nullptr;
  const auto* bytes = key != nullptr ? reinterpret_cast<const unsigned char*>(key->c_str()) : nullptr;
  if (jwt_decode(&decoded, token.c_str(), bytes, key != nullptr ? static_cast<int>(key->size()) : 0) != 0) {
    decoded = nullptr;
  }
  ERR_clear_error();
  return {decoded, &jwt_free};
}

std::string_view text_of(const char* text) { return text != nullptr ? text : std::string_view{}; }

std::optional<std::int64_t> number(jwt_t& jwt, const char* claim) {
  // jwt_get_grant_int() takes what is no number for 0.
  const std::unique_ptr<char, void (*)(void*)> json(jwt_get_grants_json(&jwt, claim), &std::free);
  const std::string_view text = text_of(json.get());
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Found refuse(proto::ResultCode why, std::string text) { return {.result = why, .text = std::move(text)}; }

Found claims_of(jwt_t& jwt, const TokenCheck::Terms& terms) {
  Found found;
  const auto expires = number(jwt, "exp");
  const auto begins = number(jwt, "nbf");
  const auto made = number(jwt, "iat");
  found.claims = {std::string(text_of(jwt_get_grant(&jwt, "uid"))), std::string(text_of(jwt_get_grant(&jwt, "game"))),
                  std::string(text_of(jwt_get_grant(&jwt, "jti"))), expires.value_or(0)};
  const auto& [uid, game, id, end] = found.claims;
  const auto audience = text_of(jwt_get_grant(&jwt, "aud"));
  for (const auto& [good, name] : {std::pair{tokens::is_uid(uid), "uid"}, std::pair{!game.empty(), "game"},
                                   std::pair{!id.empty() && id.size() <= longest_id, "jti"},
                                   std::pair{!audience.empty(), "aud"}, std::pair{expires.has_value(), "exp"},
                                   std::pair{begins.has_value(), "nbf"}, std::pair{made.has_value(), "iat"}}) {
    if (!good) return refuse(proto::TokenClaims, std::string("the token's claim ") + name + " is missing or bad");
  }
  if (*begins > terms.now + terms.skew || *made > terms.now + terms.skew) {
    return refuse(proto::TokenNotYetValid, "the token is not valid yet; are the clocks of login and agent right?");
  }
  if (*expires <= terms.now - terms.skew) return refuse(proto::TokenExpired, "the token has expired; log in again");
  if (audience != terms.audience) {
    return refuse(proto::TokenWrongAgent,
                  "the token is for another agent, or for this one before it was restarted; log in again");
  }
  return found;
}

}  // namespace

Found TokenCheck::check(const std::string& token, const Terms& terms) const {
  if (token.empty()) return refuse(proto::TokenMissing, "there is no token; log in first");
  const auto parts = parts_of(token);
  const Jwt seen = parts ? decode(token, nullptr) : Jwt(nullptr, &jwt_free);
  if (!seen) return refuse(proto::TokenMalformed, "this is no token, or one that was cut short");
  // Which algorithm is used is decided here: by the token it might be none, or an HMAC with the public key.
  if (text_of(jwt_get_header(seen.get(), "alg")) != tokens::algorithm) {
    return refuse(proto::TokenAlgorithm, "the token is not signed with " + std::string(tokens::algorithm));
  }
  if ((*parts)[2].size() != signature_letters) {
    return refuse(proto::TokenMalformed, "this is no token, or one that was cut short");
  }
  const auto key = keys_.find(std::string(text_of(jwt_get_header(seen.get(), "kid"))));
  if (key == keys_.end()) {
    return refuse(proto::TokenKeyUnknown, "the token is signed by a key that nobody published; log in again");
  }
  const Jwt verified = decode(token, &key->second);
  if (!verified || jwt_get_alg(verified.get()) != JWT_ALG_ES256) {
    return refuse(proto::TokenSignature, "the token is not signed by the key that it names");
  }
  return claims_of(*verified, terms);
}

}  // namespace agent
