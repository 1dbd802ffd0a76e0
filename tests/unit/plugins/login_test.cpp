#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>

#include "agent/token_check.hpp"
#include "forge.hpp"
#include "tokens/public_key.hpp"

namespace {

using cellmesh::Client;
using cellmesh::CloseReason;
using cellmesh::Status;
using cellmesh::test::Did;
using cellmesh::test::Host;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::ThrowsMessage;
using namespace std::chrono_literals;

proto::LoginSettings settings() {
  auto settings = cellmesh::test::defaults<proto::LoginSettings>();
  settings.set_port(8001);
  settings.set_max_clients(10);
  settings.set_timeout_sec(10);
  settings.set_allow_guests(true);
  settings.set_signing_key_file("ephemeral");
  settings.set_argon2_mib(19);
  return settings;
}

class LoginPlugin : public testing::Test {
 protected:
  proto::LoginACK log_in(const proto::LoginREQ& req = {}, const std::string& address = "203.0.113.7",
                         cm_transport transport = CM_TRANSPORT_TCP) {
    const Client alice = host.client_at(address, transport);
    EXPECT_EQ(host.deliver(req, alice), Status::ok);
    answer_data();
    host.run_jobs();
    answer_data();
    if (!host.calls<proto::AgentInfoREQ>().empty()) {
      const auto call = host.call<proto::AgentInfoREQ>();
      proto::AgentInfoACK info;
      for (const auto& url : urls[host.memory().name(call.to.handle())]) info.add_urls(url);
      info.set_audience("agent#0@test/0123456789abcdef");
      EXPECT_EQ(host.answer(call, info), Status::ok);
    }
    EXPECT_EQ(host.closed(alice), CloseReason::done);
    const auto ack = host.one<proto::LoginACK>(alice);
    host.disconnect(alice);
    host.clear();
    return ack;
  }
  // The data service, as far as a login needs it.
  void answer_data() {
    for (const auto& load : host.calls<proto::LoadDataREQ>()) {
      proto::LoadDataACK ack;
      for (const auto& key : load.request.keys()) {
        auto& row = *ack.add_rows();
        *row.mutable_key() = key;
        const auto found = accounts.find(key.table() + "/" + key.key());
        if (found == accounts.end()) continue;
        row.set_version(1);
        row.set_value(found->second);
      }
      host.answer(load, ack);
    }
    for (const auto& save : host.calls<proto::SaveDataREQ>()) {
      proto::SaveDataACK ack;
      for (const auto& write : save.request.writes()) {
        const bool made = accounts.emplace(write.key().table() + "/" + write.key().key(), write.value()).second;
        if (!made || write.any_version() || write.version() != 0) ack.set_result(proto::DataConflict);
      }
      host.answer(save, ack);
    }
  }
  void agent_up(const std::string& id, std::optional<std::uint64_t> load, const std::string& address) {
    host.up(id, {.load = load, .address = address});
    urls[id] = {"tcp://" + address};
  }
  void up() {
    agent_up("agent#0@test", 0, "127.0.0.1:4000");
    host.up("game#0@test", {.load = 0});
    host.up("data#0@test");
  }
  static proto::LoginREQ password(const std::string& uid, const std::string& secret, bool create = false) {
    proto::LoginREQ req;
    req.set_platform("password");
    req.set_uid(uid);
    req.set_secret(secret);
    req.set_create(create);
    return req;
  }
  proto::ResultCode try_password(const std::string& uid, const std::string& secret, bool create = false,
                                 const std::string& address = "203.0.113.7") {
    return log_in(password(uid, secret, create), address).result();
  }
  // What an agent makes of a token.
  agent::TokenCheck::Found check(const std::string& token) {
    agent::TokenCheck check;
    for (const auto& [name, value] : host.memory().entries()) {
      const auto key = tokens::PublicKey::parse(value);
      if (key) check.set_key(tokens::kid_of(name), key->pem);
    }
    return check.check(token,
                       {.audience = "agent#0@test/0123456789abcdef", .now = tokens::test::unix_now(), .skew = 1});
  }
  const cm_frontend_options& frontend() { return host.memory().frontend()->options; }

  Host host{"login#0@test", settings()};
  std::map<std::string, std::string> accounts;           // rows of the data service
  std::map<std::string, std::vector<std::string>> urls;  // by agent
};

TEST_F(LoginPlugin, OpensAFrontendThatDoesNotRoute) {
  EXPECT_EQ(frontend().routes, 0U);
  EXPECT_EQ(frontend().port, 8001U);
  EXPECT_EQ(frontend().max_clients, 10U);
  EXPECT_EQ(frontend().admit_timeout_ms, 10'000U);  // who says nothing is closed
}

TEST_F(LoginPlugin, IsReachedByWebSocketTooAndShowsAPageOnlyWhenASettingWantsIt) {
  const auto& all = host.memory().frontend()->listeners;
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].options.transport, CM_TRANSPORT_WS);
  EXPECT_EQ(all[1].page_type, "");
  EXPECT_EQ(all[1].page, "");
}

TEST_F(LoginPlugin, ClientIsToldTheLeastLoadedAgentAndGame) {
  agent_up("agent#0@test", 9, "play0.example.org:4000");
  agent_up("agent#1@test", 3, "[2001:db8::1]:4001");
  host.up("game#0@test", {.load = 5});
  host.up("game#1@test", {.load = 4});
  const auto ack = log_in();
  EXPECT_EQ(ack.result(), proto::NoError);
  EXPECT_EQ(ack.server().ip(), "2001:db8::1");
  EXPECT_EQ(ack.server().port(), 4001);
  EXPECT_EQ(ack.game_svc_id(), "game#1@test");
}

TEST_F(LoginPlugin, TokenIsBelievedByTheAgentThatItNames) {
  up();
  proto::LoginREQ req;
  req.set_uid("ann");
  const auto ack = log_in(req);
  const auto found = check(ack.game_token());
  EXPECT_EQ(found.result, proto::NoError) << found.text;
  EXPECT_EQ(found.claims.uid, "guest-ann");
  EXPECT_EQ(found.claims.game, "game#0@test");
  EXPECT_EQ(ack.uid(), "guest-ann");
  ASSERT_EQ(ack.urls_size(), 1);
  EXPECT_EQ(ack.urls(0), "tcp://127.0.0.1:4000");
}

TEST_F(LoginPlugin, EveryTokenIsAnother) {
  up();
  std::set<std::string> ids;
  for (int n = 0; n < 100; ++n) ids.insert(check(log_in().game_token()).claims.id);
  EXPECT_EQ(ids.size(), 100U);
}

TEST_F(LoginPlugin, GuestsNeedTheSetting) {
  up();
  auto now = settings();
  now.set_allow_guests(false);
  EXPECT_EQ(host.change_settings(now), Status::ok);
  const auto ack = log_in();
  EXPECT_EQ(ack.result(), proto::PlatformOff);
  EXPECT_EQ(ack.game_token(), "");
}

TEST_F(LoginPlugin, PlatformThatIsNoneIsOff) {
  up();
  proto::LoginREQ req;
  req.set_platform("elsewhere");
  EXPECT_EQ(log_in(req).result(), proto::PlatformOff);
}

TEST_F(LoginPlugin, GuestNeverHasAnAccountsUid) {
  up();
  for (const std::string name : {"ann", "guest-ann"}) {
    proto::LoginREQ req;
    req.set_uid(name);
    EXPECT_EQ(log_in(req).uid(), "guest-ann");
  }
  EXPECT_EQ(try_password("guest-ann", "a good secret", true), proto::BadName);
  EXPECT_THAT(log_in().uid(), testing::MatchesRegex("guest-[0-9a-f]{16}"));
}

TEST_F(LoginPlugin, GuestsNameIsOne) {
  up();
  for (const std::string name : {"a b", "guest-", "\xc3\xa4", "a/b", "012345678901234567890123456"}) {
    proto::LoginREQ req;
    req.set_uid(name);
    EXPECT_EQ(log_in(req).result(), proto::BadName) << name;
  }
}

TEST_F(LoginPlugin, AccountIsMadeOnceAndEnteredWithItsSecret) {
  up();
  EXPECT_EQ(try_password("ann", "a good secret"), proto::WrongCredentials);
  EXPECT_EQ(try_password("ann", "a good secret", true), proto::NoError);
  EXPECT_EQ(try_password("ann", "another secret", true), proto::AccountExists);
  const auto ack = log_in(password("ann", "a good secret"));
  EXPECT_EQ(ack.result(), proto::NoError);
  EXPECT_EQ(check(ack.game_token()).claims.uid, "ann");
  EXPECT_EQ(try_password("ann", "a good secreT"), proto::WrongCredentials);
  EXPECT_THAT(accounts, SizeIs(1));
  EXPECT_THAT(accounts.at("accounts/ann"), HasSubstr("$argon2id$"));
  EXPECT_THAT(accounts.at("accounts/ann"), Not(HasSubstr("a good secret")));
}

TEST_F(LoginPlugin, TwoThatMakeAnAccountAtOnceAreOne) {
  up();
  const Client alice = host.client(), bob = host.client();
  for (const Client client : {alice, bob}) {
    EXPECT_EQ(host.deliver(password("ann", "secret of " + std::to_string(client.session()), true), client), Status::ok);
  }
  answer_data();  // to both, that there is none
  host.run_jobs();
  answer_data();
  EXPECT_EQ(host.one<proto::LoginACK>(bob).result(), proto::AccountExists);
  EXPECT_THAT(host.calls<proto::AgentInfoREQ>(), SizeIs(1));
}

TEST_F(LoginPlugin, UnknownAccountAndWrongSecretAreAnsweredAlikeAfterTheSameWork) {
  up();
  EXPECT_EQ(try_password("ann", "a good secret", true), proto::NoError);
  const auto work = [&](const std::string& uid) {
    const Client alice = host.client();
    EXPECT_EQ(host.deliver(password(uid, "not the secret"), alice), Status::ok);
    answer_data();
    EXPECT_EQ(host.run_jobs(), 1U);
    const auto ack = host.one<proto::LoginACK>(alice);
    host.clear();
    return ack.SerializeAsString();
  };
  EXPECT_EQ(work("ann"), work("bob"));
}

TEST_F(LoginPlugin, SecretOfAnAccountHasItsLength) {
  up();
  EXPECT_EQ(try_password("ann", "1234567", true), proto::BadSecret);
  EXPECT_EQ(try_password("ann", std::string(129, 'x'), true), proto::BadSecret);
  EXPECT_EQ(try_password("ann", std::string(129, 'x')), proto::BadSecret);
  EXPECT_EQ(try_password("ann", std::string(128, 'x'), true), proto::NoError);
}

TEST_F(LoginPlugin, SettingsTurnPasswordsOrNewAccountsOff) {
  up();
  auto now = settings();
  now.set_allow_new_accounts(false);
  host.change_settings(now);
  EXPECT_EQ(try_password("ann", "a good secret", true), proto::PlatformOff);
  EXPECT_EQ(try_password("ann", "a good secret"), proto::WrongCredentials);
  now.set_allow_passwords(false);
  host.change_settings(now);
  EXPECT_EQ(try_password("ann", "a good secret"), proto::PlatformOff);
}

TEST_F(LoginPlugin, WithoutTheDataServiceItFailsAtOnceAndCountsForNothing) {
  up();
  host.down("data#0@test");
  for (int n = 0; n < 20; ++n) EXPECT_EQ(try_password("ann", "a good secret"), proto::DataUnavailable);
}

TEST_F(LoginPlugin, DataServiceThatDoesNotAnswerIsWaitedForAWhile) {
  up();
  const Client alice = host.client();
  EXPECT_EQ(host.deliver(password("ann", "a good secret"), alice), Status::ok);
  host.advance(5s);
  EXPECT_EQ(host.one<proto::LoginACK>(alice).result(), proto::DataUnavailable);
}

TEST_F(LoginPlugin, AccountThatMayHaveBeenMadeIsNotSaidToBeNone) {
  up();
  const Client alice = host.client();
  EXPECT_EQ(host.deliver(password("ann", "a good secret", true), alice), Status::ok);
  answer_data();
  host.run_jobs();
  host.advance(5s);
  const auto ack = host.one<proto::LoginACK>(alice);
  EXPECT_EQ(ack.result(), proto::DataUnavailable);
  EXPECT_THAT(ack.text(), HasSubstr("not certain"));
}

// Beyond what it has now, this process gets nothing.
class NoMoreMemory {
 public:
  NoMoreMemory() {
    ::getrlimit(RLIMIT_AS, &before_);
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit now{pages * static_cast<std::size_t>(::getpagesize()), before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &now);
  }
  NoMoreMemory(const NoMoreMemory&) = delete;
  NoMoreMemory& operator=(const NoMoreMemory&) = delete;
  ~NoMoreMemory() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

TEST_F(LoginPlugin, SecretThatNoMemoryIsThereForIsNotCalledWrong) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs more address space than there is";
#endif
  up();
  EXPECT_EQ(try_password("ann", "a good secret", true), proto::NoError);
  const Client alice = host.client();
  EXPECT_EQ(host.deliver(password("ann", "a good secret"), alice), Status::ok);
  answer_data();
  {
    const NoMoreMemory none;
    host.run_jobs();
  }
  EXPECT_EQ(host.one<proto::LoginACK>(alice).result(), proto::DataUnavailable);
  EXPECT_EQ(try_password("ann", "a good secret"), proto::NoError);
}

TEST_F(LoginPlugin, FailuresOfAnAccountMakeItWaitAndThenLockIt) {
  up();
  for (int n = 0; n < 3; ++n) EXPECT_EQ(try_password("ann", "wrong secret"), proto::WrongCredentials);
  std::int64_t waited = 0;
  for (int n = 3; n < 10; ++n) {
    const auto held = log_in(password("ann", "wrong secret"));
    EXPECT_EQ(held.result(), proto::TooManyAttempts);
    EXPECT_GT(held.retry_after_ms(), waited);
    waited = held.retry_after_ms();
    EXPECT_THAT(host.memory().jobs(), IsEmpty());
    host.advance(std::chrono::milliseconds(waited));
    EXPECT_EQ(try_password("ann", "wrong secret"), proto::WrongCredentials);
  }
  EXPECT_EQ(log_in(password("ann", "wrong secret")).retry_after_ms(), 900'000U);
  EXPECT_EQ(try_password("bob", "wrong secret"), proto::WrongCredentials);  // others are not held back
  host.reload();
  EXPECT_EQ(try_password("ann", "wrong secret"), proto::TooManyAttempts);
  host.advance(900s);
  EXPECT_EQ(try_password("ann", "wrong secret"), proto::WrongCredentials);
}

TEST_F(LoginPlugin, SuccessForgetsAnAccountsFailures) {
  up();
  EXPECT_EQ(try_password("ann", "a good secret", true), proto::NoError);
  for (int round = 0; round < 3; ++round) {
    for (int n = 0; n < 2; ++n) EXPECT_EQ(try_password("ann", "wrong secret"), proto::WrongCredentials);
    EXPECT_EQ(try_password("ann", "a good secret"), proto::NoError);
  }
}

TEST_F(LoginPlugin, AttemptsAtOnceAreNoWayAroundTheLimit) {
  up();
  std::vector<Client> clients;
  for (int n = 0; n < 10; ++n) {
    clients.push_back(host.client());
    EXPECT_EQ(host.deliver(password("ann", "wrong secret"), clients.back()), Status::ok);
  }
  EXPECT_THAT(host.calls<proto::LoadDataREQ>(), SizeIs(3));
}

TEST_F(LoginPlugin, FailuresOfAnAddressMakeItWaitWhateverTheAccount) {
  up();
  auto now = settings();
  now.set_address_attempts(5);
  host.change_settings(now);
  auto attempt = [&, n = 0](const std::string& address) mutable {
    return try_password("someone" + std::to_string(n++), "wrong secret", false, address);
  };
  for (int n = 0; n < 5; ++n) EXPECT_EQ(attempt("2001:db8:1:2::" + std::to_string(n)), proto::WrongCredentials);
  EXPECT_EQ(attempt("2001:db8:1:2:ffff::1"), proto::TooManyAttempts);  // of the same /64
  EXPECT_EQ(attempt("2001:db8:1:3::1"), proto::WrongCredentials);
  EXPECT_EQ(attempt("203.0.113.8"), proto::WrongCredentials);
}

TEST_F(LoginPlugin, SecretsThatWaitToBeCheckedAreBounded) {
  up();
  auto now = settings();
  now.set_max_hashes(2);
  host.change_settings(now);
  std::vector<Client> clients;
  for (int n = 0; n < 3; ++n) {
    clients.push_back(host.client());
    host.deliver(password("user" + std::to_string(n), "wrong secret"), clients.back());
    answer_data();
  }
  const auto ack = host.one<proto::LoginACK>(clients[2]);
  EXPECT_EQ(ack.result(), proto::TooManyAttempts);
  EXPECT_EQ(ack.retry_after_ms(), 1000U);
  host.reload();
  EXPECT_EQ(host.run_jobs(), 2U);
  EXPECT_EQ(try_password("user3", "wrong secret"), proto::WrongCredentials);
}

TEST_F(LoginPlugin, LoginsGoOnOverAReload) {
  up();
  const Client alice = host.client();
  EXPECT_EQ(host.deliver(password("ann", "a good secret", true), alice), Status::ok);
  host.reload();
  answer_data();
  host.reload();
  host.run_jobs();
  host.reload();
  answer_data();
  EXPECT_EQ(host.fail_call(host.call<proto::AgentInfoREQ>(), Status::unavailable), Status::ok);
  EXPECT_EQ(host.one<proto::LoginACK>(alice).result(), proto::AgentNotFound);
  EXPECT_EQ(try_password("ann", "a good secret"), proto::NoError);
}

TEST_F(LoginPlugin, NothingSecretIsLogged) {
  up();
  host.memory().log_level(CM_LOG_TRACE);
  EXPECT_EQ(try_password("ann", "a good secret", true), proto::NoError);
  EXPECT_EQ(try_password("ann", "a wrong secret"), proto::WrongCredentials);
  const std::string token = log_in().game_token();
  for (const auto& line : host.memory().lines()) {
    for (const std::string& secret : {std::string("a good secret"), std::string("a wrong secret"),
                                      std::string("argon2"), std::string("PRIVATE"), token}) {
      EXPECT_THAT(line.text, Not(HasSubstr(secret)));
    }
  }
}

TEST_F(LoginPlugin, KeyOfAFileSignsAndAnotherOneTakesOverWithoutAGap) {
  const std::string file = testing::TempDir() + "login_test_" + login::random_id() + ".pem";
  const auto write = [&](const login::SigningKey& key) { std::ofstream(file) << key.private_pem; };
  const auto a = login::SigningKey::make(), b = login::SigningKey::make();
  write(a);
  auto with_file = settings();
  with_file.set_signing_key_file(file);
  with_file.set_key_overlap_sec(0);
  host.change_settings(with_file);  // after the one of its start
  up();
  const std::string first = log_in().game_token();
  EXPECT_EQ(check(first).result, proto::NoError);
  EXPECT_TRUE(host.memory().entries().contains("token_keys/" + a.kid));
  write(b);
  host.advance(1s);
  host.reload();
  const std::string second = log_in().game_token();
  EXPECT_NE(check(first).claims.id, check(second).claims.id);
  EXPECT_EQ(check(first).result, proto::NoError);
  EXPECT_EQ(check(second).result, proto::NoError);
  EXPECT_TRUE(host.memory().entries().contains("token_keys/" + b.kid));
  std::ofstream(file) << "no key";
  host.advance(1s);
  EXPECT_EQ(check(log_in().game_token()).result, proto::NoError);  // the old one signs on
  std::remove(file.c_str());
}

TEST_F(LoginPlugin, BadKeyRefusesTheStartAndSaysWhatToDo) {
  auto bad = settings();
  bad.set_signing_key_file("/nonexistent");
  Host another("login#1@test", bad, cellmesh::test::not_started);
  EXPECT_THAT([&] { another.start(); }, ThrowsMessage<cellmesh::test::Faulted>(HasSubstr("openssl ecparam")));
}

TEST_F(LoginPlugin, KeyMadeAtTheStartIsWarnedOfUnlessAskedFor) {
  const auto warned = [](const std::string& file) {
    auto with = settings();
    with.set_signing_key_file(file);
    const Host another("login#1@test", with);
    const auto lines = another.memory().lines();
    return std::any_of(lines.begin(), lines.end(), [](const auto& line) {
      return line.level == CM_LOG_WARN && line.text.find("login/signing_key_file") != std::string::npos;
    });
  };
  EXPECT_TRUE(warned(""));
  EXPECT_FALSE(warned("ephemeral"));
}

TEST_F(LoginPlugin, KeysOfLoginsThatAreGoneAreTidiedUp) {
  const auto entry = [](std::int64_t until) {
    return tokens::PublicKey{tokens::test::Forge::stranger().public_pem, until}.entry();
  };
  const std::int64_t now = tokens::test::unix_now();
  host.memory().entry("token_keys/dead", entry(now - 3700));
  host.memory().entry("token_keys/late", entry(now - 100));
  host.memory().entry("token_keys/of_operator", tokens::test::Forge::stranger().public_pem);
  host.advance(60s);
  EXPECT_FALSE(host.memory().entries().contains("token_keys/dead"));
  EXPECT_TRUE(host.memory().entries().contains("token_keys/late"));
  EXPECT_TRUE(host.memory().entries().contains("token_keys/of_operator"));
  EXPECT_EQ(host.memory().entries().size(), 3U);  // and its own
}

TEST_F(LoginPlugin, NoAgentIsAgentNotFound) {
  host.up("game#0@test", {.load = 0});
  EXPECT_EQ(log_in().result(), proto::AgentNotFound);
}

TEST_F(LoginPlugin, AgentsWithoutAnAddressForClientsAreAnAddressError) {
  host.up("agent#0@test", {.load = 0});
  agent_up("agent#1@test", 0, "nowhere");
  host.up("game#0@test", {.load = 0});
  EXPECT_EQ(log_in().result(), proto::AgentAddressError);
}

TEST_F(LoginPlugin, AgentWithoutAnAddressIsPassedOver) {
  host.up("agent#0@test", {.load = 0});
  agent_up("agent#1@test", 9, "127.0.0.1:4001");
  agent_up("agent#2@test", 8, "127.0.0.1:4002");
  agent_up("agent#3@test", std::nullopt, "127.0.0.1:4003");
  host.up("game#0@test", {.load = 0});
  host.down("agent#3@test");
  EXPECT_EQ(log_in().server().port(), 4002);
}

TEST_F(LoginPlugin, AgentThatDoesNotAnswerIsPassedOverAndDoubtedForAWhile) {
  up();
  agent_up("agent#1@test", 9, "127.0.0.1:4001");
  const auto info = [&](const std::string& agent) {
    proto::AgentInfoACK ack;
    ack.add_urls(urls[agent].front());
    ack.set_audience(agent + "/0123456789abcdef");
    return ack;
  };
  const Client alice = host.client_at("203.0.113.7", CM_TRANSPORT_TCP);
  EXPECT_EQ(host.deliver(proto::LoginREQ(), alice), Status::ok);
  const auto first = host.call<proto::AgentInfoREQ>();
  const std::string hanging = host.memory().name(first.to.handle());
  const std::string other = hanging == "agent#0@test" ? "agent#1@test" : "agent#0@test";
  host.advance(1s);
  const auto second = host.call<proto::AgentInfoREQ>();
  EXPECT_EQ(host.memory().name(second.to.handle()), other);
  EXPECT_EQ(host.answer(second, info(other)), Status::ok);
  EXPECT_EQ(host.one<proto::LoginACK>(alice).result(), proto::NoError);
  host.disconnect(alice);
  host.clear();

  for (int i = 0; i < 5; ++i) {
    const Client bob = host.client_at("203.0.113.7", CM_TRANSPORT_TCP);
    EXPECT_EQ(host.deliver(proto::LoginREQ(), bob), Status::ok);
    const auto call = host.call<proto::AgentInfoREQ>();
    EXPECT_EQ(host.memory().name(call.to.handle()), other);
    EXPECT_EQ(host.answer(call, info(other)), Status::ok);
    host.disconnect(bob);
    host.clear();
  }
  // It is asked when no other is there, and then trusted again.
  host.down(other);
  const Client carol = host.client_at("203.0.113.7", CM_TRANSPORT_TCP);
  EXPECT_EQ(host.deliver(proto::LoginREQ(), carol), Status::ok);
  EXPECT_EQ(host.answer(host.call<proto::AgentInfoREQ>(), info(hanging)), Status::ok);
  EXPECT_EQ(host.one<proto::LoginACK>(carol).result(), proto::NoError);
}

TEST_F(LoginPlugin, AgentsThatDoNotAnswerAreAskedForABoundedTime) {
  up();
  for (int i = 1; i < 20; ++i) agent_up("agent#" + std::to_string(i) + "@test", 9, "127.0.0.1:4001");
  const Client alice = host.client_at("203.0.113.7", CM_TRANSPORT_TCP);
  EXPECT_EQ(host.deliver(proto::LoginREQ(), alice), Status::ok);
  host.advance(5s);
  EXPECT_EQ(host.one<proto::LoginACK>(alice).result(), proto::AgentNotFound);
  EXPECT_THAT(host.calls<proto::AgentInfoREQ>(), IsEmpty());
}

TEST_F(LoginPlugin, TokenIsForAGameThatTheAgentReaches) {
  up();
  agent_up("agent#1@test", 0, "127.0.0.1:4001");
  host.up("game#1@test", {.load = 9});
  const Client alice = host.client_at("203.0.113.7", CM_TRANSPORT_TCP);
  EXPECT_EQ(host.deliver(proto::LoginREQ(), alice), Status::ok);
  const auto first = host.call<proto::AgentInfoREQ>();
  EXPECT_EQ(first.request.game_kind(), "game");
  EXPECT_EQ(first.request.games_size(), 1);
  proto::AgentInfoACK info;
  info.add_urls("tcp://127.0.0.1:4000");
  info.set_chose_game(true);  // and found none
  EXPECT_EQ(host.answer(first, info), Status::ok);
  const auto second = host.call<proto::AgentInfoREQ>();
  EXPECT_NE(second.to, first.to);
  info.set_game("game#1@test");
  EXPECT_EQ(host.answer(second, info), Status::ok);
  EXPECT_EQ(host.one<proto::LoginACK>(alice).game_svc_id(), "game#1@test");
}

TEST_F(LoginPlugin, KindOfGameThatPlayersEnterIsASetting) {
  up();
  host.up("arena#3@test", {.load = 7});
  auto now = settings();
  now.set_game_kind("arena");
  EXPECT_EQ(host.change_settings(now), cellmesh::Status::ok);
  EXPECT_EQ(log_in().game_svc_id(), "arena#3@test");
}

TEST_F(LoginPlugin, NoGameIsGameNotFound) {
  agent_up("agent#0@test", 0, "127.0.0.1:4000");
  const auto ack = log_in();
  EXPECT_EQ(ack.result(), proto::GameNotFound);
  EXPECT_FALSE(ack.has_server());
  EXPECT_EQ(ack.game_token(), "");
}

TEST_F(LoginPlugin, ServerIsTheAgentsAddressForTheTransportOfTheLogin) {
  up();
  urls["agent#0@test"] = {"tcp://127.0.0.1:4000", "ws://127.0.0.1:4001/", "wss://127.0.0.1:4002/"};
  EXPECT_EQ(log_in({}, "203.0.113.7", CM_TRANSPORT_TCP).server().port(), 4000);
  EXPECT_EQ(log_in({}, "203.0.113.7", CM_TRANSPORT_WS).server().port(), 4001);
  EXPECT_EQ(log_in({}, "203.0.113.7", CM_TRANSPORT_WSS).server().port(), 4002);
  EXPECT_EQ(log_in({}, "203.0.113.7", CM_TRANSPORT_TLS).server().port(), 4000);
}

TEST_F(LoginPlugin, AgentWithoutTcpLetsClientsIn) {
  host.up("game#0@test", {.load = 0});
  host.up("agent#0@test", {.load = 0, .address = "wss://127.0.0.1:4002/"});
  urls["agent#0@test"] = {"wss://127.0.0.1:4002/"};
  const auto ack = log_in({}, "203.0.113.7", CM_TRANSPORT_WSS);
  EXPECT_EQ(ack.result(), proto::NoError);
  EXPECT_EQ(ack.server().port(), 4002);
}

TEST_F(LoginPlugin, DemoIsAnotherNameOfTheGuestPlatform) {
  up();
  proto::LoginREQ req;
  req.set_platform("demo");
  req.set_uid("1234");
  EXPECT_EQ(log_in(req).uid(), "guest-1234");
  auto now = settings();
  now.set_platform_aliases("web = guest");
  EXPECT_EQ(host.change_settings(now), Status::ok);
  EXPECT_EQ(log_in(req).result(), proto::PlatformOff);
  req.set_platform("web");
  EXPECT_EQ(log_in(req).result(), proto::NoError);
  now.set_platform_aliases("guest");
  EXPECT_EQ(host.change_settings(now), Status::ok);
  EXPECT_EQ(log_in(req).result(), proto::NoError);  // the aliases stay when the new ones cannot be understood
}

TEST_F(LoginPlugin, FrontendThatCannotOpenRefusesTheService) {
  Host another("login#1@test", settings(), cellmesh::test::not_started);
  another.refuse(Did::gateway_open, Status::unavailable);
  EXPECT_THAT([&] { another.start(); }, ThrowsMessage<cellmesh::test::Faulted>(HasSubstr("port 8001")));
}

TEST_F(LoginPlugin, TimeoutSettingIsLive) {
  auto now = settings();
  now.set_timeout_sec(3);
  EXPECT_EQ(host.change_settings(now), Status::ok);
  EXPECT_EQ(frontend().admit_timeout_ms, 3000U);
}

}  // namespace
