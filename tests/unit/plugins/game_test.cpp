#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

#include <map>

namespace {

using cellmesh::Client;
using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Call;
using cellmesh::test::Host;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

// A data service in memory, which answers when the test says so.
class Rows {
 public:
  explicit Rows(Host& host) : host_(host) {}

  // Answers what is asked, and what is asked then, until nothing is.
  void serve() {
    for (bool any = true; any;) {
      any = false;
      for (const auto& call : host_.calls<proto::LoadDataREQ>()) any = load(call);
      for (const auto& call : host_.calls<proto::SaveDataREQ>()) any = save(call);
    }
  }
  bool load(const Call<proto::LoadDataREQ>& call) {
    proto::LoadDataACK ack;
    for (const auto& key : call.request.keys()) *ack.add_rows() = row(key.key());
    host_.answer(call, ack);
    return true;
  }
  bool save(const Call<proto::SaveDataREQ>& call) {
    host_.answer(call, write(call.request));
    return true;
  }
  proto::SaveDataACK write(const proto::SaveDataREQ& req) {
    proto::SaveDataACK ack;
    const auto& write = req.writes(0);
    proto::DataRow& stored = rows_[write.key().key()];
    *stored.mutable_key() = write.key();
    if (stored.version() != write.version()) {
      ack.set_result(proto::DataConflict);
      *ack.mutable_found() = stored;
      return ack;
    }
    stored.set_version(stored.version() + 1);
    stored.set_value(write.value());
    ack.add_versions(stored.version());
    return ack;
  }

  [[nodiscard]] proto::DataRow row(const std::string& uid) const {
    const auto found = rows_.find(uid);
    return found != rows_.end() ? found->second : proto::DataRow();
  }
  [[nodiscard]] proto::PlayerData player(const std::string& uid) const {
    proto::PlayerData data;
    EXPECT_TRUE(data.ParseFromString(row(uid).value()));
    EXPECT_EQ(data.coins(), data.granted() - data.spent());
    return data;
  }
  // As another game would.
  void put(const std::string& uid, const proto::PlayerData& data) {
    proto::DataRow& stored = rows_[uid];
    stored.mutable_key()->set_key(uid);
    stored.set_version(stored.version() + 1);
    stored.set_value(data.SerializeAsString());
  }
  void put_bytes(const std::string& uid, const std::string& bytes) {
    rows_[uid].set_version(1);
    rows_[uid].set_value(bytes);
  }

 private:
  Host& host_;
  std::map<std::string, proto::DataRow> rows_;
};

proto::GameSettings plain_settings() {
  auto settings = cellmesh::test::defaults<proto::GameSettings>();
  settings.set_level_experience(0);
  settings.set_minute_experience(0);
  return settings;
}

class GamePlugin : public testing::Test {
 protected:
  void SetUp() override { host.clear(); }

  cellmesh::test::Ask ask_to_enter(Client client, const std::string& uid) {
    proto::EnterGameREQ req;
    req.set_uid(uid);
    return host.ask(req, agent, client);
  }
  void enter(Client client, const std::string& uid) {
    const auto ask = ask_to_enter(client, uid);
    rows.serve();
    EXPECT_EQ(host.reply<proto::EnterGameACK>(ask).result(), proto::NoError);
  }
  void buy(Client client, const std::string& id) {
    proto::LevelUpREQ req;
    req.set_request_id(id);
    EXPECT_EQ(host.deliver(req, client), Status::ok);
  }
  proto::LevelUpACK bought(Client client, const std::string& id) {
    buy(client, id);
    rows.serve();
    return host.one<proto::LevelUpACK>(client);
  }
  proto::PlayerACK show(Client client) {
    host.deliver(proto::PlayerREQ(), client);
    rows.serve();
    return host.one<proto::PlayerACK>(client);
  }
  // Time goes by, and the data service answers.
  void pass(std::chrono::seconds time) {
    for (; time > 0s; time -= 1s) {
      host.advance(1s);
      rows.serve();
    }
  }
  void is(proto::ResultCode result, const proto::LevelUpACK& ack) { EXPECT_EQ(ack.result(), result) << ack.text(); }
  // How often it was logged that a level was paid for.
  [[nodiscard]] std::size_t paid() const { return static_cast<std::size_t>(host.metric("level_ups")); }
  std::optional<std::uint64_t> load() {
    host.advance(200ms);
    return host.load();
  }

  Host host{"game#0@test", plain_settings()};
  Rows rows{host};
  ServiceId agent = host.up("agent#0@test");
  ServiceId data = host.up("data#0@test");
  Client ann = host.client();
  Client ann_too = host.client();
  Client bob = host.client();
};

TEST_F(GamePlugin, ANewPlayerIsStoredBeforeItIsIn) {
  const auto ask = ask_to_enter(ann, "ann");
  rows.load(host.call<proto::LoadDataREQ>());
  EXPECT_FALSE(host.reply_status(ask));
  EXPECT_THROW(host.reply<proto::EnterGameACK>(ask), cellmesh::test::Unexpected);
  rows.serve();
  EXPECT_EQ(host.reply<proto::EnterGameACK>(ask).result(), proto::NoError);
  EXPECT_EQ(rows.player("ann").coins(), 1000U);
  const auto ack = show(ann);
  EXPECT_EQ(ack.uid(), "ann");
  EXPECT_EQ(ack.level(), 1U);
  EXPECT_EQ(ack.coins(), 1000U);
  EXPECT_EQ(ack.next_price(), 100U);
  EXPECT_TRUE(host.audited("uid=ann what=start amount=1000 coins_before=0 coins_after=1000 request_id= version=1"));
}

TEST_F(GamePlugin, OnlyAnAgentLetsClientsIn) {
  proto::EnterGameREQ req;
  req.set_uid("ann");
  EXPECT_EQ(host.deliver(req, ann), Status::refused);
  EXPECT_THAT(host.did(), IsEmpty());
}

TEST_F(GamePlugin, AUidThatIsNoneIsRefused) {
  for (const auto& uid : {std::string(), std::string("a b"), std::string(33, 'a'), std::string("\xc3\xa4")}) {
    EXPECT_EQ(host.reply<proto::EnterGameACK>(ask_to_enter(ann, uid)).result(), proto::BadName) << uid;
  }
  EXPECT_EQ(load().value_or(0), 0U);
}

TEST_F(GamePlugin, LoadIsItsPlayers) {
  enter(ann, "ann");
  enter(ann_too, "ann");
  enter(bob, "bob");
  EXPECT_EQ(load(), 2U);
  host.disconnect(ann);
  EXPECT_EQ(load(), 2U);
  host.disconnect(ann_too);
  host.disconnect(host.client());
  EXPECT_EQ(load(), 1U);
}

TEST_F(GamePlugin, ALevelIsAnsweredOnlyWhenItIsStored) {
  enter(ann, "ann");
  buy(ann, "r1");
  EXPECT_THAT(host.sent<proto::LevelUpACK>(), IsEmpty());
  EXPECT_EQ(paid(), 0U);
  rows.serve();
  const auto ack = host.one<proto::LevelUpACK>(ann);
  is(proto::NoError, ack);
  EXPECT_EQ(ack.request_id(), "r1");
  EXPECT_EQ(ack.level(), 2U);
  EXPECT_EQ(ack.coins(), 900U);
  EXPECT_EQ(ack.price(), 100U);
  EXPECT_EQ(rows.player("ann").level(), 2U);
  EXPECT_EQ(rows.player("ann").spent(), 100U);
  EXPECT_TRUE(host.audited("uid=ann what=price amount=-100 coins_before=1000 coins_after=900 request_id=r1 version=2"));
}

TEST_F(GamePlugin, WhoCannotPayIsToldThePriceAndKeepsTheAnswer) {
  auto settings = plain_settings();
  settings.set_start_coins(250);
  host.change_settings(settings);
  enter(ann, "ann");
  is(proto::NoError, bought(ann, "r1"));
  const auto ack = bought(ann, "r2");
  is(proto::NotEnoughCoins, ack);
  EXPECT_EQ(ack.text(), "level 3 costs 200 coins, and you have 150");
  EXPECT_EQ(ack.price(), 200U);
  EXPECT_EQ(ack.coins(), 150U);

  settings.set_prices(1, 150);  // now it could
  host.change_settings(settings);
  is(proto::NotEnoughCoins, bought(ann, "r2"));
  is(proto::NoError, bought(ann, "r3"));
  EXPECT_EQ(rows.player("ann").coins(), 0U);
}

TEST_F(GamePlugin, ThereIsAHighestLevel) {
  auto settings = plain_settings();
  settings.mutable_prices()->Truncate(1);
  host.change_settings(settings);
  enter(ann, "ann");
  is(proto::NoError, bought(ann, "r1"));
  const auto ack = bought(ann, "r2");
  is(proto::HighestLevel, ack);
  EXPECT_EQ(ack.text(), "level 2 is the highest there is");
  EXPECT_EQ(show(ann).next_price(), 0U);
}

TEST_F(GamePlugin, TheSameRequestAgainChangesNothing) {
  enter(ann, "ann");
  const auto first = bought(ann, "r1");
  is(proto::NoError, bought(ann, "r2"));
  enter(ann_too, "ann");
  for (const Client client : {ann, ann_too}) {
    EXPECT_EQ(bought(client, "r1").SerializeAsString(), first.SerializeAsString());
  }
  EXPECT_EQ(rows.player("ann").level(), 3U);
  EXPECT_EQ(paid(), 2U);
}

TEST_F(GamePlugin, TheSameRequestAgainInAnotherGameChangesNothing) {
  enter(ann, "ann");
  const auto first = bought(ann, "r1");
  const auto stored = rows.row("ann");

  Host other("game#1@test", plain_settings());
  Rows others(other);
  others.put_bytes("ann", stored.value());
  const ServiceId agent_there = other.up("agent#0@test");
  other.up("data#0@test");
  const Client there = other.client();
  proto::EnterGameREQ enter_req;
  enter_req.set_uid("ann");
  other.ask(enter_req, agent_there, there);
  others.serve();
  proto::LevelUpREQ req;
  req.set_request_id("r1");
  other.deliver(req, there);
  EXPECT_EQ(other.one<proto::LevelUpACK>(there).SerializeAsString(), first.SerializeAsString());
}

TEST_F(GamePlugin, TheSameRequestTwiceAtOnceIsPaidOnce) {
  enter(ann, "ann");
  enter(ann_too, "ann");
  buy(ann, "r1");
  buy(ann_too, "r1");
  rows.serve();
  EXPECT_EQ(host.one<proto::LevelUpACK>(ann).SerializeAsString(),
            host.one<proto::LevelUpACK>(ann_too).SerializeAsString());
  EXPECT_EQ(rows.player("ann").level(), 2U);
}

TEST_F(GamePlugin, OnePlayersRequestsWaitForEachOtherAndOthersDoNot) {
  enter(ann, "ann");
  enter(bob, "bob");
  buy(ann, "r1");
  buy(ann, "r2");
  buy(bob, "r1");
  EXPECT_THAT(host.calls<proto::SaveDataREQ>(), SizeIs(2));
  rows.serve();
  EXPECT_EQ(rows.player("ann").level(), 3U);
  EXPECT_EQ(rows.player("bob").level(), 2U);
}

TEST_F(GamePlugin, AsMuchAsMayWaitWaitsAndTheRestIsRefused) {
  enter(ann, "ann");
  for (int i = 0; i < 20; ++i) buy(ann, "r" + std::to_string(i));
  EXPECT_THAT(host.sent<proto::LevelUpACK>(ann), SizeIs(4));
  for (const auto& sent : host.take<proto::LevelUpACK>()) is(proto::TooFast, sent.message);
  rows.serve();
  EXPECT_THAT(host.take<proto::LevelUpACK>(), SizeIs(16));
  EXPECT_THAT(bought(ann, "r19").text(), HasSubstr("level"));
}

TEST_F(GamePlugin, ARequestNeedsAnId) {
  enter(ann, "ann");
  is(proto::BadRequestId, bought(ann, ""));
  is(proto::BadRequestId, bought(ann, std::string(65, 'x')));
  is(proto::NoError, bought(ann, std::string(64, ' ')));
  EXPECT_TRUE(host.audited("request_id=%20%20"));
}

TEST_F(GamePlugin, WhatAnotherGameChangedMeanwhileIsDecidedUpon) {
  enter(ann, "ann");
  auto changed = rows.player("ann");
  changed.set_level(4);
  changed.set_spent(950);
  changed.set_coins(50);
  rows.put("ann", changed);
  const auto ack = bought(ann, "r1");
  is(proto::NotEnoughCoins, ack);
  EXPECT_EQ(ack.text(), "level 5 costs 800 coins, and you have 50");
  EXPECT_EQ(host.metric("conflicts"), 1);
  EXPECT_EQ(paid(), 0U);
}

TEST_F(GamePlugin, WhatAnotherGameAnsweredIsAnsweredAgain) {
  enter(ann, "ann");
  Host other("game#1@test", plain_settings());
  Rows others(other);
  others.put_bytes("ann", rows.row("ann").value());
  const ServiceId agent_there = other.up("agent#0@test");
  other.up("data#0@test");
  const Client there = other.client();
  proto::EnterGameREQ enter_req;
  enter_req.set_uid("ann");
  other.ask(enter_req, agent_there, there);
  others.serve();
  proto::LevelUpREQ req;
  req.set_request_id("r1");
  other.deliver(req, there);
  others.serve();
  rows.put("ann", others.player("ann"));

  is(proto::NoError, bought(ann, "r1"));
  EXPECT_EQ(rows.player("ann").level(), 2U);
  EXPECT_EQ(paid(), 0U) << "the other game logged it";
}

// A save of which it is not told how it ended.
class OfASave : public GamePlugin, public testing::WithParamInterface<Status> {
 protected:
  void SetUp() override {
    GamePlugin::SetUp();
    enter(ann, "ann");
    buy(ann, "r1");
  }
  // As the parameter has it; Status::ok: the data service itself does not know.
  void lose(const Call<proto::SaveDataREQ>& call) {
    if (GetParam() != Status::ok) {
      host.fail_call(call, GetParam());
    } else {
      proto::SaveDataACK ack;
      ack.set_result(proto::DataAway);
      ack.set_unsure(true);
      host.answer(call, ack);
    }
    EXPECT_THAT(host.sent<proto::LevelUpACK>(), IsEmpty());
    host.advance(100ms);
    EXPECT_THAT(host.calls<proto::SaveDataREQ>(), IsEmpty()) << "the row is read before anything else";
  }
};

TEST_P(OfASave, ThatCameToPassTheEndIsFoundInTheRow) {
  const auto call = host.call<proto::SaveDataREQ>();
  rows.write(call.request);
  lose(call);
  rows.serve();
  is(proto::NoError, host.one<proto::LevelUpACK>(ann));
  EXPECT_EQ(rows.player("ann").level(), 2U);
  EXPECT_EQ(paid(), 1U);
  EXPECT_TRUE(host.audited("request_id=r1 version=2"));
}

TEST_P(OfASave, ThatDidNotItIsMadeAgain) {
  lose(host.call<proto::SaveDataREQ>());
  rows.serve();
  is(proto::NoError, host.one<proto::LevelUpACK>(ann));
  EXPECT_EQ(rows.player("ann").level(), 2U);
  EXPECT_EQ(paid(), 1U);
}

TEST_P(OfASave, ThatComesToPassWhenItWasMadeAgainItCountsOnce) {
  const auto late = host.call<proto::SaveDataREQ>();
  lose(late);
  rows.load(host.call<proto::LoadDataREQ>());
  const auto again = host.call<proto::SaveDataREQ>();
  rows.write(late.request);
  rows.save(again);
  is(proto::NoError, host.one<proto::LevelUpACK>(ann));
  EXPECT_EQ(rows.player("ann").level(), 2U);
  EXPECT_EQ(paid(), 1U);
}

TEST_P(OfASave, ThatNobodyKnowsTheClientIsToldToTryAgain) {
  const auto call = host.call<proto::SaveDataREQ>();
  rows.write(call.request);
  lose(call);
  host.down("data#0@test");
  host.advance(5s);
  is(proto::DataUnavailable, host.one<proto::LevelUpACK>(ann));
  EXPECT_EQ(paid(), 0U);
  host.up("data#0@test");
  is(proto::NoError, bought(ann, "r1"));
  EXPECT_EQ(rows.player("ann").level(), 2U);
  EXPECT_EQ(paid(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Game, OfASave, testing::Values(Status::timeout, Status::unavailable, Status::ok),
                         [](const auto& of) {
                           return of.param == Status::ok ? "unsure" : std::string(to_string(of.param));
                         });

TEST_F(GamePlugin, ASaveThatTheDatabaseRefusedIsTriedAgain) {
  enter(ann, "ann");
  buy(ann, "r1");
  proto::SaveDataACK away;
  away.set_result(proto::DataAway);
  host.answer(host.call<proto::SaveDataREQ>(), away);
  EXPECT_THAT(host.calls<proto::SaveDataREQ>(), IsEmpty());
  host.advance(100ms);
  EXPECT_THAT(host.calls<proto::LoadDataREQ>(), IsEmpty()) << "nothing was written";
  rows.serve();
  is(proto::NoError, host.one<proto::LevelUpACK>(ann));
}

TEST_F(GamePlugin, WithoutADataServiceNobodyEntersAndIsToldInTime) {
  host.down("data#0@test");
  const auto ask = ask_to_enter(ann, "ann");
  host.advance(4900ms);  // an agent waits for 5 s
  EXPECT_EQ(host.reply<proto::EnterGameACK>(ask).result(), proto::DataUnavailable);
  EXPECT_EQ(load(), 0U);
}

TEST_F(GamePlugin, ADataServiceThatIsSilentIsToldOfInTime) {
  const auto ask = ask_to_enter(ann, "ann");
  host.advance(4900ms);
  EXPECT_EQ(host.reply<proto::EnterGameACK>(ask).result(), proto::DataUnavailable);
}

TEST_F(GamePlugin, ADataServiceThatComesBackIsUsed) {
  host.down("data#0@test");
  const auto ask = ask_to_enter(ann, "ann");
  host.advance(1s);
  host.up("data#0@test");
  host.advance(1s);
  rows.serve();
  EXPECT_EQ(host.reply<proto::EnterGameACK>(ask).result(), proto::NoError);
}

TEST_F(GamePlugin, ARowThatIsNoPlayersIsNotOverwritten) {
  rows.put_bytes("ann", "\xff\xff");
  const auto ask = ask_to_enter(ann, "ann");
  for (int i = 0; i < 50; ++i) {
    rows.serve();
    host.advance(100ms);
  }
  EXPECT_EQ(host.reply<proto::EnterGameACK>(ask).result(), proto::DataUnavailable);
  EXPECT_EQ(rows.row("ann").value(), "\xff\xff");
  EXPECT_TRUE(host.logged("the row of ann is no player's"));
}

TEST_F(GamePlugin, OfAClientItDoesNotKnowItAsksTheAgent) {
  enter(bob, "ann");  // in a game before this one, say
  host.disconnect(bob);
  buy(ann, "r1");
  host.deliver(proto::PlayerREQ(), ann);
  const auto who = host.call<proto::WhoIsREQ>();
  EXPECT_EQ(who.to, agent);
  EXPECT_EQ(who.request.id(), static_cast<std::int64_t>(ann.session()));
  EXPECT_THAT(host.calls<proto::LoadDataREQ>(), IsEmpty());
  proto::WhoIsACK ack;
  ack.set_uid("ann");
  host.answer(who, ack);
  rows.serve();
  is(proto::NoError, host.one<proto::LevelUpACK>(ann));
  EXPECT_EQ(host.one<proto::PlayerACK>(ann).level(), 2U) << "in the order sent";
  EXPECT_EQ(load(), 1U);
}

TEST_F(GamePlugin, AClientWhomItsAgentDoesNotKnowIsNotInGame) {
  buy(ann, "r1");
  host.answer(host.call<proto::WhoIsREQ>(), proto::WhoIsACK());
  is(proto::NotInGame, host.one<proto::LevelUpACK>(ann));
  buy(ann, "r1");
  host.fail_call(host.call<proto::WhoIsREQ>(), Status::unavailable);
  is(proto::NotInGame, host.one<proto::LevelUpACK>(ann));
  EXPECT_EQ(load().value_or(0), 0U);
}

TEST_F(GamePlugin, AnUnknownClientsMessagesWaitUpToALimit) {
  for (int i = 0; i < 20; ++i) buy(ann, "r" + std::to_string(i));
  EXPECT_THAT(host.sent<proto::LevelUpACK>(ann), SizeIs(4));
  for (const auto& sent : host.take<proto::LevelUpACK>()) is(proto::TooFast, sent.message);
}

TEST_F(GamePlugin, AMinuteBringsExperienceAndThatBringsCoins) {
  auto settings = plain_settings();
  settings.set_minute_experience(15);
  host.change_settings(settings);
  enter(ann, "ann");
  host.advance(61s);
  EXPECT_EQ(show(ann).experience(), 15U);
  EXPECT_EQ(rows.player("ann").experience(), 0U) << "behind";
  pass(std::chrono::seconds(settings.save_sec() + 1));
  EXPECT_EQ(rows.player("ann").experience(), 15U);
  EXPECT_EQ(rows.player("ann").coins(), 1010U);
  EXPECT_TRUE(host.audited("uid=ann what=reward amount=10 coins_before=1000 coins_after=1010"));
  pass(std::chrono::seconds(60));
  EXPECT_EQ(rows.player("ann").coins(), 1030U) << "at 20 and at 30";
}

TEST_F(GamePlugin, ExperienceIsSavedWhenItsPlayerLeaves) {
  auto settings = plain_settings();
  settings.set_minute_experience(5);
  settings.set_save_sec(3600);
  host.change_settings(settings);
  enter(ann, "ann");
  host.advance(61s);
  EXPECT_THAT(host.calls<proto::SaveDataREQ>(), IsEmpty());
  host.disconnect(ann);
  rows.serve();
  EXPECT_EQ(rows.player("ann").experience(), 5U);
  EXPECT_EQ(load(), 0U);
}

TEST_F(GamePlugin, ExperienceIsSavedOnceAlsoWhenItIsNotKnownWhether) {
  auto settings = plain_settings();
  settings.set_minute_experience(5);
  host.change_settings(settings);
  enter(ann, "ann");
  host.advance(61s);
  host.disconnect(ann);
  const auto call = host.call<proto::SaveDataREQ>();
  rows.write(call.request);
  host.fail_call(call, Status::timeout);
  for (int i = 0; i < 5; ++i) {
    host.advance(1s);
    rows.serve();
  }
  EXPECT_EQ(rows.player("ann").experience(), 5U);
  EXPECT_EQ(load(), 0U);
}

TEST_F(GamePlugin, APlayerWhoLeftIsGivenUpWhenNothingCanBeSaved) {
  auto settings = plain_settings();
  settings.set_minute_experience(5);
  host.change_settings(settings);
  enter(ann, "ann");
  host.advance(61s);
  host.down("data#0@test");
  host.disconnect(ann);
  host.advance(50s);
  EXPECT_EQ(load(), 1U);
  host.advance(15s);
  EXPECT_EQ(load(), 0U);
  EXPECT_TRUE(host.logged("ann left with 5 experience that could not be saved"));
}

TEST_F(GamePlugin, ItsEndSavesWhatWasGained) {
  auto settings = plain_settings();
  settings.set_minute_experience(15);
  host.change_settings(settings);
  enter(ann, "ann");
  host.advance(61s);
  host.stop();
  const auto sent = host.sent<proto::SaveDataREQ>(data);
  ASSERT_THAT(sent, SizeIs(1));
  rows.write(sent[0].message);
  EXPECT_EQ(rows.player("ann").experience(), 15U);
  EXPECT_EQ(rows.player("ann").coins(), 1000U);
}

TEST_F(GamePlugin, AReloadLosesNothing) {
  auto settings = plain_settings();
  settings.set_minute_experience(5);
  host.change_settings(settings);
  enter(ann, "ann");
  host.advance(61s);
  buy(ann, "r1");
  buy(ann, "r2");
  buy(bob, "r1");
  host.reload();
  proto::WhoIsACK who;
  who.set_uid("bob");
  host.answer(host.call<proto::WhoIsREQ>(), who);
  rows.serve();
  EXPECT_THAT(host.take<proto::LevelUpACK>(), SizeIs(3));
  EXPECT_EQ(rows.player("ann").level(), 3U);
  EXPECT_EQ(rows.player("ann").experience(), 5U);
  EXPECT_EQ(rows.player("bob").level(), 2U);
  host.advance(61s);
  EXPECT_EQ(show(ann).experience(), 10U) << "time goes on";
}

TEST_F(GamePlugin, PricesChangeWhilePlayersPlay) {
  enter(ann, "ann");
  auto settings = plain_settings();
  settings.set_prices(0, 7);
  host.change_settings(settings);
  EXPECT_EQ(show(ann).next_price(), 7U);
  EXPECT_EQ(bought(ann, "r1").coins(), 993U);
}

}  // namespace
