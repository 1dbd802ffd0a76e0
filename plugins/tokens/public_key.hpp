#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tokens {

// Where public keys stand among the shared entries of the KV: token_keys/<kid>. An entry is the key's PEM, as an
// operator may add it by hand, below a line that says until when its publisher is there at least:
//
//   until: 1764100000
//   -----BEGIN PUBLIC KEY-----
//   ...
inline constexpr std::string_view key_folder = "token_keys/";
inline constexpr std::string_view algorithm = "ES256";
inline constexpr std::size_t longest_token = 2048;

struct PublicKey {
  std::string pem;
  std::optional<std::int64_t> until;  // seconds since 1970; nothing: of an operator, for ever

  [[nodiscard]] std::string entry() const;
  // Nothing when it holds no public key for ES256, which is one on the curve P-256.
  static std::optional<PublicKey> parse(std::string_view entry);
};

// The kid of an entry `token_keys/<kid>`; empty when the name is none of that form.
std::string_view kid_of(std::string_view entry_name);

}  // namespace tokens
