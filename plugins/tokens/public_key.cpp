#include "public_key.hpp"

#include <cellmesh/trimmed.hpp>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <charconv>
#include <memory>

namespace tokens {
namespace {

constexpr std::string_view begin_line = "-----BEGIN PUBLIC KEY-----";
constexpr std::string_view until_word = "until: ";

bool is_p256(const std::string& pem) {
  const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr),
                                                           &EVP_PKEY_free);
  ERR_clear_error();
  if (!key) return false;
  std::array<char, 80> group{};
  std::size_t size = 0;
  return EVP_PKEY_get_group_name(key.get(), group.data(), group.size(), &size) == 1 &&
         std::string_view(group.data(), size) == "prime256v1";
}

}  // namespace

std::string PublicKey::entry() const {
  return until ? std::string(until_word) + std::to_string(*until) + "\n" + pem : pem;
}

std::optional<PublicKey> PublicKey::parse(std::string_view entry) {
  PublicKey key;
  std::string_view head = cellmesh::trimmed(entry);  // a person may have saved it with a byte order mark, or CR LF
  if (head.starts_with(until_word)) {
    std::int64_t until = 0;
    head.remove_prefix(until_word.size());
    const auto [end, error] = std::from_chars(head.data(), head.data() + head.size(), until);
    if (error != std::errc()) return std::nullopt;
    head.remove_prefix(static_cast<std::size_t>(end - head.data()));
    if (!head.starts_with('\n') && !head.starts_with("\r\n")) return std::nullopt;
    key.until = until;
  }
  const std::size_t at = entry.find(begin_line);
  if (at == std::string_view::npos) return std::nullopt;
  key.pem = entry.substr(at);
  if (!is_p256(key.pem)) return std::nullopt;
  return key;
}

std::string_view kid_of(std::string_view entry_name) {
  if (!entry_name.starts_with(key_folder)) return {};
  entry_name.remove_prefix(key_folder.size());
  return entry_name.find('/') == std::string_view::npos ? entry_name : std::string_view{};
}

}  // namespace tokens
