#include <cellmesh/trimmed.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "../clock/since_1970.hpp"
#include "../tokens/public_key.hpp"
#include "login.hpp"

using cellmesh::Status;

namespace {

constexpr std::int64_t key_lease = 3600;  // seconds that a published key outlives a login that died
constexpr std::int64_t clock_skew = 300;  // seconds, the most that agents allow
constexpr std::size_t longest_key_file = 16'384;
constexpr std::string_view made_at_start = "ephemeral";

std::optional<std::string> read_small(const std::string& file) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(file, ec)) return std::nullopt;  // another might block
  std::ifstream in(file, std::ios::binary);
  std::string text(longest_key_file, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.gcount() <= 0) return std::nullopt;
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::string entry_name(const std::string& kid) { return std::string(tokens::key_folder) + kid; }

}  // namespace

void Login::look_at_keys() {
  take_key(false);
  turn_keys();
}

void Login::take_key(bool starting) {
  const std::string& file = settings().signing_key_file();
  const char* environment = std::getenv("CELLMESH_SIGNING_KEY");
  const bool of_file = !file.empty() && file != made_at_start;
  if (!of_file && (file == made_at_start || environment == nullptr)) return use_own_key(file.empty());
  const auto pem = of_file ? read_small(file) : std::optional<std::string>(environment);
  auto key = pem ? login::SigningKey::parse(std::string(cellmesh::trimmed(*pem))) : std::nullopt;
  if (key) {
    own_key_ = false;
    bad_key_ = false;
    return use(*key);
  }
  const std::string why = cellmesh::format(
      "{} holds no private key on the curve P-256; make one with `openssl ecparam -name prime256v1 -genkey -noout`",
      of_file ? file : std::string("CELLMESH_SIGNING_KEY"));
  if (starting) throw std::runtime_error(why);
  if (!std::exchange(bad_key_, true)) log().error("{}; the old key signs on", why);
}

void Login::use_own_key(bool unasked) {
  if (own_key_ && !ring_.empty()) return;
  own_key_ = true;
  use(login::SigningKey::make());
  if (unasked) {
    log().warn(
        "tokens are signed with a key made just now, which no other login has: say which with the setting "
        "login/signing_key_file or in CELLMESH_SIGNING_KEY");
  }
}

void Login::use(const login::SigningKey& key) {
  const bool known = ring_.has(key.kid);
  ring_.offer(key, since_1970::seconds(), key_terms());
  if (!known) log().info("tokens are to be signed with the key {}", key.kid);
}

void Login::turn_keys() {
  ring_.advance(
      since_1970::seconds(), key_terms(),
      [this](const std::string& kid, const std::string& pem, std::int64_t until) {
        const Status status = kv().publish(entry_name(kid), tokens::PublicKey{pem, until}.entry());
        if (status != Status::ok) log().error("agents do not know the key {}: {}", kid, status);
      },
      [this](const std::string& kid) {
        log().info("the key {} is withdrawn", kid);
        kv().remove(entry_name(kid));
      });
}

void Login::tidy_keys() {
  for (const auto& [kid, until] : leases_) {
    if (ring_.has(kid) || until + key_lease > since_1970::seconds()) continue;
    log().info("the key {} of a login that is gone is withdrawn", kid);
    kv().remove(entry_name(kid));
  }
}

login::KeyRing::Terms Login::key_terms() const {
  return {.overlap = settings().key_overlap_sec(),
          .token_life = std::int64_t{settings().token_sec()} + clock_skew,
          .lease = key_lease};
}
