#pragma once

#include <cellmesh/plugin.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "../choice/choice.hpp"
#include "attempts.hpp"
#include "guest.hpp"
#include "key_ring.hpp"
#include "password.hpp"

// Login: short-lived connections. A client says who it is, is told which agent and game to go to and given a token for
// these, and is closed.
//
//   login.cpp  who asks, and where they are sent
//   desk.cpp   what platforms need: accounts in the data service, hashes, limits of attempts
//   keys.cpp   the key that signs, and the public ones
class Login : public cellmesh::Service<Login, proto::LoginSettings>,
              private login::Desk,
              private login::PasswordPlatform::Limits {
 public:
  void start();
  void save(proto::LoginState& state) const;
  void load(const proto::LoginState& state);
  void resumed();
  void on_settings(const proto::LoginSettings& now);

  // The public keys of all logins.
  void on_entry(std::string_view name, std::optional<std::string_view> value);

  void on_client_origin(cellmesh::Client client, const cellmesh::ClientOrigin& origin);
  void on_client_closed(cellmesh::Client client, cellmesh::CloseReason reason);
  cellmesh::Status on(const proto::LoginREQ& req, cellmesh::Client client);

 private:
  using Client = cellmesh::Client;
  using ServiceId = cellmesh::ServiceId;
  using Status = cellmesh::Status;
  using Visitor = login::Visitor;

  // --- login.cpp

  void let_in(const Visitor& visitor, const std::string& uid) override;
  void on_agent(const proto::AgentInfoACK& info, Status status, Visitor visitor, ServiceId agent, ServiceId game,
                const std::string& uid);
  void refuse(const Visitor& visitor, proto::ResultCode why, const std::string& text,
              std::chrono::milliseconds retry_after) override;
  void answer(const Visitor& visitor, const proto::LoginACK& ack);
  // Asks agents, one after another, until one can be asked; refuses with `why` when none is left or it takes too long.
  void ask_agents(const Visitor& visitor, ServiceId game, const std::string& uid, proto::ResultCode why,
                  const std::string& text);
  // Returns the best agent with an address for clients that was not asked for this client yet; none when all were.
  ServiceId next_agent(const proto::LoginClient& client);
  // Reads the setting platform_aliases. False, and the aliases stay, when it cannot be understood.
  bool take_aliases();

  // --- desk.cpp

  [[nodiscard]] const proto::LoginSettings& terms() const override { return settings(); }
  Status load_account(const Visitor& visitor, const proto::LoginAttempt& attempt) override;
  void on_account(const proto::LoadDataACK& ack, Status status, Visitor visitor, const proto::LoginAttempt& attempt);
  Status hash(const Visitor& visitor, const proto::LoginAttempt& attempt, const proto::HashWork& work) override;
  void on_hashed(const proto::HashDone& done, Status status, Visitor visitor, const proto::LoginAttempt& attempt);
  Status create_account(const Visitor& visitor, const proto::LoginAttempt& attempt,
                        const proto::Account& account) override;
  void on_created(const proto::SaveDataACK& ack, Status status, Visitor visitor, const proto::LoginAttempt& attempt);
  [[nodiscard]] login::Attempts<Login>::Terms account_terms() const;
  [[nodiscard]] login::Attempts<Login>::Terms address_terms() const;
  std::chrono::milliseconds begin(const std::string& uid, const std::string& address) override;
  void succeeded(const std::string& uid, const std::string& address) override;
  void take_back(const std::string& uid, const std::string& address) override;

  // --- keys.cpp

  void look_at_keys();
  // The key to sign with, from where it is configured to be. A bad one refuses the start, and changes nothing later.
  void take_key(bool starting);
  void use_own_key(bool unasked);
  void use(const login::SigningKey& key);
  void turn_keys();
  // Those of logins that are gone for good: who lives renews his in half a lease.
  void tidy_keys();
  [[nodiscard]] login::KeyRing::Terms key_terms() const;

  std::map<std::string, std::string, std::less<>> aliases_;  // of platforms, by alias
  choice::Choice agents_;
  login::GuestPlatform guest_{*this};
  login::PasswordPlatform password_{*this, *this};
  cellmesh::Table<Client, proto::LoginClient> clients_{*this, "clients"};
  login::Attempts<Login> by_account_{*this, "failed_by_account"};
  login::Attempts<Login> by_address_{*this, "failed_by_address"};
  std::uint32_t hashes_ = 0;  // on the blocking pool

  login::KeyRing ring_;
  bool own_key_ = false;                        // it was made at the start
  bool bad_key_ = false;                        // and that was said
  std::map<std::string, std::int64_t> leases_;  // of all published keys, by kid
};
