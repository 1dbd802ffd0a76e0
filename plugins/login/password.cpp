#include "password.hpp"

#include <sodium.h>

#include <array>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "../tokens/uid.hpp"
#include "guest.hpp"

namespace login {
namespace {

using cellmesh::Status;

constexpr auto busy_pause = std::chrono::milliseconds(1000);

// Of no secret; with it the secret of an account that is not there is hashed as any other. The salt is all zero.
std::string hash_of_nobody(const proto::LoginSettings& terms) {
  return "$argon2id$v=19$m=" + std::to_string(terms.argon2_mib() * 1024) +
         ",t=" + std::to_string(terms.argon2_passes()) +
         ",p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
}

// What a hash says of itself: `$argon2id$v=19$m=KIB,t=PASSES,p=1$SALT$HASH`, the last two in base64 without padding.
// Source: the PHC string format, as libsodium writes it.
struct Hash {
  unsigned kib = 0;
  unsigned passes = 0;
  std::array<unsigned char, crypto_pwhash_SALTBYTES> salt{};
  std::array<unsigned char, 32> bytes{};
};

std::optional<Hash> parse(const std::string& text) {
  Hash hash;
  int at = 0;
  if (std::sscanf(text.c_str(), "$argon2id$v=19$m=%9u,t=%9u,p=1$%n", &hash.kib, &hash.passes, &at) != 2 || at == 0) {
    return std::nullopt;
  }
  const auto decode = [](std::string_view from, auto& into) {
    std::size_t size = 0;
    return sodium_base642bin(into.data(), into.size(), from.data(), from.size(), nullptr, &size, nullptr,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           size == into.size();
  };
  const std::string_view rest = std::string_view(text).substr(static_cast<std::size_t>(at));
  const auto dollar = rest.find('$');
  if (dollar == std::string_view::npos) return std::nullopt;
  if (!decode(rest.substr(0, dollar), hash.salt) || !decode(rest.substr(dollar + 1), hash.bytes)) return std::nullopt;
  return hash;
}

// Not crypto_pwhash_str_verify(): to it, no memory is a wrong secret.
bool is_of(const std::string& secret, const std::string& text) {
  const auto hash = parse(text);
  if (!hash) throw std::runtime_error("an account's hash is none of Argon2id with one lane");
  std::array<unsigned char, 32> bytes{};
  if (crypto_pwhash(bytes.data(), bytes.size(), secret.data(), secret.size(), hash->salt.data(), hash->passes,
                    std::size_t{hash->kib} * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw std::runtime_error("there is no memory to hash a secret");
  }
  return sodium_memcmp(bytes.data(), hash->bytes.data(), bytes.size()) == 0;
}

}  // namespace

proto::HashDone hash_secret(const proto::HashWork& work) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be used");
  proto::HashDone done;
  if (!work.hash().empty()) {
    done.set_good(is_of(work.secret(), work.hash()));
    return done;
  }
  std::array<char, crypto_pwhash_STRBYTES> hash{};
  if (crypto_pwhash_str_alg(hash.data(), work.secret().data(), work.secret().size(), work.passes(),
                            std::size_t{work.mib()} << 20U, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw std::runtime_error("there is no memory to hash a secret");
  }
  done.set_good(true);
  done.set_hash(hash.data());
  return done;
}

void PasswordPlatform::begin(const proto::LoginREQ& req, const Visitor& visitor, const std::string& address) {
  if (!tokens::is_uid(req.uid()) || req.uid().starts_with(guest_prefix)) {
    return desk_.refuse(visitor, proto::BadName,
                        "an account's name is 1 to 32 of a-z, A-Z, 0-9, \"-\", \"_\" and \".\", and begins not with "
                        "\"guest-\"");
  }
  if (req.create() && !desk_.terms().allow_new_accounts()) {
    return desk_.refuse(visitor, proto::PlatformOff, "no new accounts are made here");
  }
  if (req.secret().size() > longest_secret || (req.create() && req.secret().size() < shortest_secret)) {
    return desk_.refuse(visitor, proto::BadSecret, "a secret is 8 to 128 bytes long");
  }
  proto::LoginAttempt attempt;
  attempt.set_uid(req.uid());
  attempt.set_secret(req.secret());
  attempt.set_create(req.create());
  attempt.set_address(address);
  if (const auto wait = limits_.begin(attempt.uid(), address); wait.count() > 0) {
    return desk_.refuse(visitor, proto::TooManyAttempts, "that was tried too often; wait a while", wait);
  }
  if (desk_.load_account(visitor, attempt) != Status::ok) unavailable(visitor, attempt);
}

void PasswordPlatform::on_account(const proto::Account* account, Status status, const Visitor& visitor,
                                  const proto::LoginAttempt& attempt) {
  if (status != Status::ok) return unavailable(visitor, attempt);
  if (attempt.create() && account != nullptr) {
    return desk_.refuse(visitor, proto::AccountExists, "there is an account of this name already");
  }
  proto::HashWork work;
  work.set_secret(attempt.secret());
  if (attempt.create()) {
    work.set_passes(desk_.terms().argon2_passes());
    work.set_mib(desk_.terms().argon2_mib());
  } else {
    work.set_hash(account != nullptr ? account->secret_hash() : hash_of_nobody(desk_.terms()));
  }
  proto::LoginAttempt rest = attempt;
  rest.set_known(account != nullptr);
  rest.clear_secret();
  if (desk_.hash(visitor, rest, work) == Status::ok) return;
  limits_.take_back(attempt.uid(), attempt.address());
  desk_.refuse(visitor, proto::TooManyAttempts, "more log in than this service can check now", busy_pause);
}

void PasswordPlatform::on_hashed(const proto::HashDone& done, Status status, const Visitor& visitor,
                                 const proto::LoginAttempt& attempt) {
  if (status != Status::ok) return unavailable(visitor, attempt);
  if (!attempt.create()) {
    if (done.good() && attempt.known()) return let_in(visitor, attempt);
    return desk_.refuse(visitor, proto::WrongCredentials, "no account has this name and this secret");
  }
  proto::Account account;
  account.set_secret_hash(done.hash());
  if (desk_.create_account(visitor, attempt, account) != Status::ok) unavailable(visitor, attempt);
}

void PasswordPlatform::on_created(Created created, const Visitor& visitor, const proto::LoginAttempt& attempt) {
  if (created == Created::yes) return let_in(visitor, attempt);
  if (created == Created::unknown) {
    return unavailable(visitor, attempt,
                       "it is not certain that the account was made: log in with it, or make it again in a while");
  }
  desk_.refuse(visitor, proto::AccountExists, "there is an account of this name already");
}

void PasswordPlatform::unavailable(const Visitor& visitor, const proto::LoginAttempt& attempt,
                                   const std::string& text) {
  limits_.take_back(attempt.uid(), attempt.address());
  desk_.refuse(visitor, proto::DataUnavailable, text);
}

void PasswordPlatform::let_in(const Visitor& visitor, const proto::LoginAttempt& attempt) {
  limits_.succeeded(attempt.uid(), attempt.address());
  desk_.let_in(visitor, attempt.uid());
}

}  // namespace login
