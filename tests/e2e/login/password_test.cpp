// Accounts with a secret, in the shipped data service.
#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

const std::string kSecret = "a secret of hers";

struct Account {
  std::string uid;
  std::string secret = kSecret;
  bool create = false;
};

proto::LoginACK log_in_as(const std::string& login_url, const Account& account) {
  Client client(login_url);
  proto::LoginREQ req;
  req.set_version("1.0");
  req.set_platform("password");
  req.set_uid(account.uid);
  req.set_secret(account.secret);
  req.set_create(account.create);
  client.send(req);
  return client.expect<proto::LoginACK>();
}

// Once accounts can be read.
proto::LoginACK create(const std::string& login_url, const std::string& uid) {
  proto::LoginACK ack;
  wait_until([&] {
    ack = log_in_as(login_url, {.uid = uid, .create = true});
    return ack.result() != proto::DataUnavailable;
  });
  return ack;
}

class Passwords : public OnEveryWay {
 protected:
  proto::LoginACK log_in_as(const Account& account) { return test::log_in_as(login_url(), account); }
  proto::LoginACK create(const std::string& uid) { return test::create(login_url(), uid); }
};
CM_ON_EVERY_WAY(Passwords);

TEST_P(Passwords, AccountIsMadeOnceAndLetsInWithItsSecretAlone) {
  const std::string uid = fresh("ann");
  const auto made = create(uid);
  ASSERT_EQ(made.result(), proto::NoError) << made.text();
  EXPECT_EQ(made.uid(), uid);
  {
    Client ann = enter(ticket_of(made, transport()));
    chat(ann, "new here");
  }
  EXPECT_EQ(log_in_as({.uid = uid, .secret = "a secret of theirs", .create = true}).result(), proto::AccountExists);
  const auto wrong = log_in_as({.uid = uid, .secret = "a secret of theirs"});
  EXPECT_EQ(wrong.result(), proto::WrongCredentials);
  EXPECT_TRUE(wrong.game_token().empty());
  const auto nobody = log_in_as({.uid = fresh("nobody")});
  EXPECT_EQ(nobody.result(), proto::WrongCredentials);
  EXPECT_EQ(nobody.text(), wrong.text()) << "it tells who has an account";
  const auto right = log_in_as({.uid = uid});
  ASSERT_EQ(right.result(), proto::NoError) << right.text();
  Client ann = enter(ticket_of(right, transport()));
  chat(ann, "back");
}

TEST_P(Passwords, NamesAndSecretsThatCannotBeAreRefused) {
  EXPECT_EQ(log_in_as({.uid = "no spaces", .create = true}).result(), proto::BadName);
  EXPECT_EQ(log_in_as({.uid = "guest-ann", .create = true}).result(), proto::BadName);
  EXPECT_EQ(log_in_as({.uid = "bea", .secret = "short", .create = true}).result(), proto::BadSecret);
  EXPECT_EQ(log_in_as({.uid = "bea", .secret = std::string(129, 'x')}).result(), proto::BadSecret);
}

TEST_P(Passwords, AreRefusedAndNotMadeWhenSettingsSaySo) {
  {
    const ScopedSetting closed(mesh(), "login/allow_new_accounts", "false");
    EXPECT_TRUE(wait_until([&] { return create(fresh("late")).result() == proto::PlatformOff; }));
  }
  const ScopedSetting off(mesh(), "login/allow_passwords", "false");
  EXPECT_TRUE(wait_until([&] { return log_in_as({.uid = "ann"}).result() == proto::PlatformOff; }));
}

class PasswordGuesses : public Passwords {};
CM_ON_TWO_WAYS(PasswordGuesses);

TEST_P(PasswordGuesses, AreCountedAndLockThatAccountAndNoOther) {
  const std::string cat = fresh("cat");
  const std::string dan = fresh("dan");
  ASSERT_EQ(create(cat).result(), proto::NoError);
  ASSERT_EQ(create(dan).result(), proto::NoError);
  const ScopedSetting free(mesh(), "login/free_attempts", "1");
  const ScopedSetting most(mesh(), "login/lockout_attempts", "2");
  proto::LoginACK last;
  EXPECT_TRUE(wait_until([&] {
    last = log_in_as({.uid = cat, .secret = "is it this one?"});
    return last.result() == proto::TooManyAttempts;
  }));
  EXPECT_GT(last.retry_after_ms(), 0U);
  // From the second failure on it is locked, for who knows the secret too.
  EXPECT_TRUE(wait_until([&] { return log_in_as({.uid = cat, .secret = "or this one?"}).retry_after_ms() > 60'000; }));
  EXPECT_EQ(log_in_as({.uid = cat}).result(), proto::TooManyAttempts);
  EXPECT_EQ(log_in_as({.uid = dan}).result(), proto::NoError);
}

TEST(PasswordAccounts, CannotBeReadWhileDataIsAwayAndAreThereWhenItIsBack) {
  Deployment mesh(Shape::consul);
  const std::string login = mesh.login_address();
  ASSERT_EQ(create(login, "ann").result(), proto::NoError);
  Host& data = mesh.host("data");
  data.kill9();
  EXPECT_EQ(log_in_as(login, {.uid = "ann"}).result(), proto::DataUnavailable);
  EXPECT_EQ(log_in_as(login, {.uid = "bob", .create = true}).result(), proto::DataUnavailable);
  data.start();
  data.await_ready();
  proto::LoginACK ack;
  EXPECT_TRUE(wait_until([&] {
    ack = log_in_as(login, {.uid = "ann"});
    return ack.result() == proto::NoError;
  })) << ack.text();
  EXPECT_EQ(create(login, "ann").result(), proto::AccountExists);
  EXPECT_EQ(create(login, "bob").result(), proto::NoError);
}

}  // namespace
}  // namespace cm::test
