#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "platform.hpp"

namespace login {

// Of a new account's secret, in bytes.
inline constexpr std::size_t shortest_secret = 8;
inline constexpr std::size_t longest_secret = 128;

// Argon2id, on the blocking pool: whether the secret is that of the hash, or without one its hash. Throws
// std::runtime_error when there is no memory for it.
proto::HashDone hash_secret(const proto::HashWork& work);

// Accounts with a secret, in the data service. That there is none of a name and that the secret is another is the same
// to who asks, in what is told and in the time that it takes.
class PasswordPlatform final : public Platform {
 public:
  // Limits of attempts, by account and address.
  class Limits {
   public:
    // How long to wait; 0: the attempt has begun.
    virtual std::chrono::milliseconds begin(const std::string& uid, const std::string& address) = 0;
    virtual void succeeded(const std::string& uid, const std::string& address) = 0;
    // It came to nothing, through nobody's fault.
    virtual void take_back(const std::string& uid, const std::string& address) = 0;

   protected:
    ~Limits() = default;
  };

  PasswordPlatform(Desk& desk, Limits& limits) : desk_(desk), limits_(limits) {}

  [[nodiscard]] bool is_named(std::string_view platform) const override { return platform == "password"; }
  [[nodiscard]] bool allowed() const override { return desk_.terms().allow_passwords(); }
  void begin(const proto::LoginREQ& req, const Visitor& visitor, const std::string& address) override;

  // What came of what was asked of the desk. `account` null: there is none; `status` not ok: it is not known.
  void on_account(const proto::Account* account, cellmesh::Status status, const Visitor& visitor,
                  const proto::LoginAttempt& attempt);
  void on_hashed(const proto::HashDone& done, cellmesh::Status status, const Visitor& visitor,
                 const proto::LoginAttempt& attempt);
  enum class Created { yes, exists, unknown };
  void on_created(Created created, const Visitor& visitor, const proto::LoginAttempt& attempt);

 private:
  void unavailable(const Visitor& visitor, const proto::LoginAttempt& attempt,
                   const std::string& text = "accounts cannot be read now; try again in a while");
  void let_in(const Visitor& visitor, const proto::LoginAttempt& attempt);

  Desk& desk_;
  Limits& limits_;
};

}  // namespace login
