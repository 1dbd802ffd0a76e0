// Login: short-lived connections. A client says who it is, is told which agent and game to go to and given a token for
// these, and is closed.
#include <cellmesh/plugin.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "../frontend/listeners.hpp"
#include "../tokens/public_key.hpp"
#include "address.hpp"
#include "attempts.hpp"
#include "guest.hpp"
#include "key_ring.hpp"
#include "page/page.hpp"
#include "password.hpp"
#include "signing_key.hpp"

using cellmesh::Client;
using cellmesh::ServiceId;
using cellmesh::Status;
using login::Visitor;
using namespace std::chrono_literals;

namespace {

constexpr auto agent_timeout = 5s;
constexpr auto data_timeout = 5s;
constexpr std::int64_t key_lease = 3600;  // seconds that a published key outlives a login that died
constexpr std::int64_t clock_skew = 300;  // seconds, the most that agents allow
constexpr std::size_t longest_key_file = 16'384;
constexpr std::string_view made_at_start = "ephemeral";
constexpr const char* account_table = "accounts";

cellmesh::FrontendOptions frontend_options(const proto::LoginSettings& settings) {
  cellmesh::FrontendOptions options;
  options.address = settings.listen_address();
  options.public_host = settings.public_host();
  options.port = static_cast<std::uint16_t>(settings.port());
  options.max_clients = settings.max_clients();
  options.admit_timeout = std::chrono::seconds(settings.timeout_sec());  // nobody is ever admitted here
  return options;
}

cellmesh::Page page(const proto::LoginSettings& settings) {
  if (!settings.demo_page()) return {};
  return {.type = "text/html; charset=utf-8",
          .bytes = {reinterpret_cast<const char*>(login::demo_page), login::demo_page_size}};
}

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

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

class Login : public cellmesh::Service<Login, proto::LoginSettings>,
              private login::Desk,
              private login::PasswordPlatform::Limits {
 public:
  void start() {
    take_key(true);
    frontend::open(listeners(), frontend_options(settings()), settings(), page(settings()));
    for (const auto& listener : listeners().list()) log().info("clients log in at {}", listener.url);
    if (const Status status = kv().watch(std::string(tokens::key_folder)); status != Status::ok) {
      log().warn("keys of logins that are gone are not tidied up: {}", status);
    }
    turn_keys();
    every<&Login::look_at_keys>(1s);
    every<&Login::tidy_keys>(60s);
  }

  void save(proto::LoginState& state) const {
    ring_.save(state);
    state.set_own_key(own_key_);
    state.set_hashes(hashes_);
  }
  void load(const proto::LoginState& state) {
    ring_.load(state);
    own_key_ = state.own_key();
    hashes_ = state.hashes();
    by_account_.resume();
    by_address_.resume();
  }

  void on_settings(const proto::LoginSettings& now) {
    if (const Status status = gateway().update(frontend_options(now)); status != Status::ok) {
      log().warn("the frontend keeps its limits: {}", status);
    }
    if (!frontend::update(listeners(), now, page(now))) log().warn("not all listeners took the new settings");
    look_at_keys();
  }

  // The page may be another one.
  void resumed() { (void)frontend::update(listeners(), settings(), page(settings())); }

  // The public keys of all logins.
  void on_entry(std::string_view name, std::optional<std::string_view> value) {
    const std::string kid(tokens::kid_of(name));
    const auto key = value ? tokens::PublicKey::parse(*value) : std::nullopt;
    if (key && key->until) {
      leases_.insert_or_assign(kid, *key->until);
    } else {
      leases_.erase(kid);
    }
  }

  void on_client_address(Client client, std::string_view address) {
    clients_[client].set_address(login::network_of(std::string(address)));
  }
  void on_client_closed(Client client, cellmesh::CloseReason /*reason*/) { clients_.erase(client); }

  Status on(const proto::LoginREQ& req, Client client) {
    const auto* known = clients_.find(client);
    if (request().from() || known == nullptr) return Status::refused;
    const Visitor visitor{request(), client};
    for (login::Platform* platform :
         {static_cast<login::Platform*>(&guest_), static_cast<login::Platform*>(&password_)}) {
      if (!platform->is_named(req.platform()) || !platform->allowed()) continue;
      platform->begin(req, visitor, known->address());
      return Status::ok;
    }
    refuse(visitor, proto::PlatformOff, "there is no such way to log in here", {});
    return Status::ok;
  }

 private:
  // --- where to: an agent that clients can reach, and a game

  void let_in(const Visitor& visitor, const std::string& uid) override {
    if (!directory().pick("agent")) return refuse(visitor, proto::AgentNotFound, "no agent is up", {});
    const auto agent = reachable_agent();
    if (!agent) return refuse(visitor, proto::AgentAddressError, "no agent has an address for clients", {});
    const auto game = directory().pick("game");
    if (!game) return refuse(visitor, proto::GameNotFound, "no game is up", {});
    const cellmesh::CallOptions options{.client = {}, .timeout = agent_timeout};
    const Status sent = call<&Login::on_agent>(options, agent, proto::AgentInfoREQ(), visitor, agent, game, uid);
    if (sent != Status::ok) refuse(visitor, proto::AgentNotFound, "the agent cannot be asked", {});
  }

  void on_agent(const proto::AgentInfoACK& info, Status status, Visitor visitor, ServiceId agent, ServiceId game,
                const std::string& uid) {
    if (status != Status::ok) return refuse(visitor, proto::AgentNotFound, "the agent does not answer", {});
    const auto at = directory().get(agent);
    const auto address = at ? login::parse_address(at->public_address) : std::nullopt;
    if (!address) return refuse(visitor, proto::AgentAddressError, "the agent has no address for clients", {});
    const std::int64_t now = unix_now();
    proto::LoginACK ack;
    ack.set_game_svc_id(directory().name(game));
    ack.set_game_token(login::make_token(
        ring_.signer(), {uid, info.audience(), ack.game_svc_id(), now, now + std::int64_t{settings().token_sec()}}));
    ack.mutable_server()->set_ip(address->host);
    ack.mutable_server()->set_port(address->port);
    *ack.mutable_urls() = info.urls();
    ack.set_uid(uid);
    counter("logins").add();
    answer(visitor, ack);
  }

  void refuse(const Visitor& visitor, proto::ResultCode why, const std::string& text,
              std::chrono::milliseconds retry_after) override {
    log().debug("a login failed with result {}: {}", why, text);
    counter("logins_failed").add();
    proto::LoginACK ack;
    ack.set_result(why);
    ack.set_text(text);
    ack.set_retry_after_ms(static_cast<std::uint32_t>(retry_after.count()));
    answer(visitor, ack);
  }

  void answer(const Visitor& visitor, const proto::LoginACK& ack) {
    reply(visitor.asked, ack);
    clients().close(visitor.client, cellmesh::CloseReason::done);
  }

  [[nodiscard]] const proto::LoginSettings& terms() const override { return settings(); }

  // --- accounts: in the data service, their secrets on the blocking pool

  static proto::DataKey account_key(const std::string& uid) {
    proto::DataKey key;
    key.set_table(account_table);
    key.set_key(uid);
    return key;
  }

  Status load_account(const Visitor& visitor, const proto::LoginAttempt& attempt) override {
    proto::LoadDataREQ req;
    *req.add_keys() = account_key(attempt.uid());
    const cellmesh::CallOptions options{.client = {}, .timeout = data_timeout};
    const auto data = directory().pick("data");
    return data ? call<&Login::on_account>(options, data, req, visitor, attempt) : Status::unavailable;
  }
  void on_account(const proto::LoadDataACK& ack, Status status, Visitor visitor, const proto::LoginAttempt& attempt) {
    proto::Account account;
    if (status == Status::ok && (ack.result() != proto::DataOk || ack.rows_size() != 1)) status = Status::unavailable;
    const bool known = status == Status::ok && ack.rows(0).version() != 0;
    if (known && !account.ParseFromString(ack.rows(0).value())) {
      log().error("the account {} cannot be read", attempt.uid());
      status = Status::unavailable;
    }
    password_.on_account(known ? &account : nullptr, status, visitor, attempt);
  }

  Status hash(const Visitor& visitor, const proto::LoginAttempt& attempt, const proto::HashWork& work) override {
    if (hashes_ >= settings().max_hashes()) return Status::backpressure;
    const Status status = offload<&login::hash_secret, &Login::on_hashed>(work, visitor, attempt);
    if (status == Status::ok) ++hashes_;
    return status;
  }
  void on_hashed(const proto::HashDone& done, Status status, Visitor visitor, const proto::LoginAttempt& attempt) {
    --hashes_;
    password_.on_hashed(done, status, visitor, attempt);
  }

  Status create_account(const Visitor& visitor, const proto::LoginAttempt& attempt,
                        const proto::Account& account) override {
    proto::Account row = account;
    row.set_created_at(unix_now());
    proto::SaveDataREQ req;
    auto& write = *req.add_writes();
    *write.mutable_key() = account_key(attempt.uid());
    write.set_value(row.SerializeAsString());
    const cellmesh::CallOptions options{.client = {}, .timeout = data_timeout};
    const auto data = directory().pick("data");
    return data ? call<&Login::on_created>(options, data, req, visitor, attempt) : Status::unavailable;
  }
  void on_created(const proto::SaveDataACK& ack, Status status, Visitor visitor, const proto::LoginAttempt& attempt) {
    using Created = login::PasswordPlatform::Created;
    const bool known = status == Status::ok && (ack.result() == proto::DataOk || ack.result() == proto::DataConflict);
    const Created created = ack.result() == proto::DataOk ? Created::yes : Created::exists;
    password_.on_created(known ? created : Created::unknown, visitor, attempt);
  }

  // --- limits

  [[nodiscard]] login::Attempts<Login>::Terms account_terms() const {
    return {settings().free_attempts(), settings().lockout_attempts(), std::int64_t{settings().lockout_sec()} * 1000};
  }
  [[nodiscard]] login::Attempts<Login>::Terms address_terms() const {
    return {settings().address_attempts(), 2 * settings().address_attempts(),
            std::int64_t{settings().lockout_sec()} * 1000};
  }
  std::chrono::milliseconds begin(const std::string& uid, const std::string& address) override {
    const std::int64_t time = now().count();
    const auto wait =
        std::max(by_account_.wait(uid, time, account_terms()), by_address_.wait(address, time, address_terms()));
    if (wait > 0) {
      counter("logins_held_back").add();
      return std::chrono::milliseconds(wait);
    }
    by_account_.begin(uid, time, account_terms());
    by_address_.begin(address, time, address_terms());
    return {};
  }
  void succeeded(const std::string& uid, const std::string& address) override {
    by_account_.clear(uid);
    by_address_.take_back(address);
  }
  void take_back(const std::string& uid, const std::string& address) override {
    by_account_.take_back(uid);
    by_address_.take_back(address);
  }

  // The least-loaded agent; where that has no address that clients could use, the least-loaded that has.
  ServiceId reachable_agent() {
    const auto usable = [](const cellmesh::ServiceInfo& agent) {
      return login::parse_address(agent.public_address).has_value();
    };
    if (const auto picked = directory().get(directory().pick("agent")); picked && usable(*picked)) {
      return picked->service;
    }
    ServiceId best;
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    for (const auto& agent : directory().list("agent")) {
      const std::uint64_t load = agent.load.value_or(std::numeric_limits<std::uint64_t>::max() - 1);
      if (!usable(agent) || load >= least) continue;
      best = agent.service;
      least = load;
    }
    return best;
  }

  // --- keys

  void look_at_keys() {
    take_key(false);
    turn_keys();
  }

  // The key to sign with, from where it is configured to be. A bad one refuses the start, and changes nothing later.
  void take_key(bool starting) {
    const std::string& file = settings().signing_key_file();
    const char* environment = std::getenv("CELLMESH_SIGNING_KEY");
    const bool of_file = !file.empty() && file != made_at_start;
    if (!of_file && (file == made_at_start || environment == nullptr)) return use_own_key(file.empty());
    const auto pem = of_file ? read_small(file) : std::optional<std::string>(environment);
    auto key = pem ? login::SigningKey::parse(*pem) : std::nullopt;
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

  void use_own_key(bool unasked) {
    if (own_key_ && !ring_.empty()) return;
    own_key_ = true;
    use(login::SigningKey::make());
    if (unasked) {
      log().warn(
          "tokens are signed with a key made just now, which no other login has: say which with the setting "
          "login/signing_key_file or in CELLMESH_SIGNING_KEY");
    }
  }

  void use(const login::SigningKey& key) {
    const bool known = ring_.has(key.kid);
    ring_.offer(key, unix_now(), key_terms());
    if (!known) log().info("tokens are to be signed with the key {}", key.kid);
  }

  void turn_keys() {
    ring_.advance(
        unix_now(), key_terms(),
        [this](const std::string& kid, const std::string& pem, std::int64_t until) {
          const Status status = kv().publish(entry_name(kid), tokens::PublicKey{pem, until}.entry());
          if (status != Status::ok) log().error("agents do not know the key {}: {}", kid, status);
        },
        [this](const std::string& kid) {
          log().info("the key {} is withdrawn", kid);
          kv().remove(entry_name(kid));
        });
  }

  // Those of logins that are gone for good: who lives renews his in half a lease.
  void tidy_keys() {
    for (const auto& [kid, until] : leases_) {
      if (ring_.has(kid) || until + key_lease > unix_now()) continue;
      log().info("the key {} of a login that is gone is withdrawn", kid);
      kv().remove(entry_name(kid));
    }
  }

  [[nodiscard]] login::KeyRing::Terms key_terms() const {
    return {.overlap = settings().key_overlap_sec(),
            .token_life = std::int64_t{settings().token_sec()} + clock_skew,
            .lease = key_lease};
  }

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

CELLMESH_PLUGIN(Login)
