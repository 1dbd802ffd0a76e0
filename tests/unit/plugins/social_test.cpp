#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace {

using cellmesh::Client;
using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Host;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

proto::ChatREQ chat_req(const std::string& content) {
  proto::ChatREQ req;
  req.set_content(content);
  req.set_request_id("r1");
  return req;
}

class SocialPlugin : public testing::Test {
 protected:
  void SetUp() override {
    enter(ann, "ann");
    enter(bob, "bob");
    host.clear();
  }

  static proto::OnlineREQ online(Client client, const std::string& uid, std::int64_t at = 1000) {
    proto::OnlineREQ req;
    add(req, client, uid, at);
    return req;
  }
  static void add(proto::OnlineREQ& req, Client client, const std::string& uid, std::int64_t at = 1000) {
    auto& entry = *req.add_entries();
    entry.set_uid(uid);
    entry.set_session(static_cast<std::int64_t>(client.session()));
    entry.set_entered_at_ms(at);
  }
  void enter(Client client, const std::string& uid) {
    ASSERT_EQ(host.deliver(online(client, uid), client.agent()), Status::ok);
  }
  void leave(Client client) {
    proto::OfflineREQ req;
    req.add_entries()->set_session(static_cast<std::int64_t>(client.session()));
    ASSERT_EQ(host.deliver(req, client.agent()), Status::ok);
  }
  proto::ChatDoneACK say(Client client, const std::string& content) {
    EXPECT_EQ(host.deliver(chat_req(content), client), Status::ok);
    return host.one<proto::ChatDoneACK>(client);
  }
  // Whose client it is; nobody's when the uid is not online.
  Client where(const std::string& uid) {
    proto::WhereREQ req;
    req.set_uid(uid);
    const auto ack = host.reply<proto::WhereACK>(host.ask(req, agent));
    return ack.agent().empty()
               ? Client()
               : Client(ack.agent() == "agent#0@test" ? agent : other_agent, static_cast<std::uint64_t>(ack.session()));
  }
  std::vector<std::string> who(Client client) {
    EXPECT_EQ(host.deliver(proto::WhoREQ(), client), Status::ok);
    const auto ack = host.one<proto::WhoACK>(client);
    return {ack.uid().begin(), ack.uid().end()};
  }
  // Sessions that the agent is to close because their uid is online elsewhere.
  std::vector<std::int64_t> replaced(ServiceId at) {
    std::vector<std::int64_t> all;
    for (const auto& close : host.sent<proto::CloseClientACK>(at)) {
      EXPECT_TRUE(close.message.replaced());
      all.insert(all.end(), close.message.id().begin(), close.message.id().end());
    }
    return all;
  }
  proto::SocialSettings settings = cellmesh::test::defaults<proto::SocialSettings>();

  Host host{"social#0@test"};
  ServiceId agent = host.up("agent#0@test");
  ServiceId other_agent = host.up("agent#1@test");
  Client ann = host.client(agent);
  Client bob = host.client(other_agent);
};

TEST_F(SocialPlugin, AsksEveryAgentWhoIsThere) {
  host.up("game#0@test");
  const ServiceId third = host.up("agent#2@test");
  EXPECT_THAT(host.sent<proto::AnnounceREQ>(), SizeIs(1));
  host.one<proto::AnnounceREQ>(third);
}

TEST_F(SocialPlugin, WhatOneSaysEverybodyHearsWithItsAuthor) {
  const auto done = say(ann, "hello");
  EXPECT_EQ(done.result(), proto::NoError);
  EXPECT_EQ(done.request_id(), "r1");
  for (const Client client : {ann, bob}) {
    const auto heard = host.one<proto::ChatACK>(client);
    EXPECT_EQ(heard.content(), "hello");
    EXPECT_EQ(heard.from(), "ann");
    EXPECT_EQ(heard.id(), done.id());
    EXPECT_GT(heard.sent_at_ms(), 0);
  }
}

TEST_F(SocialPlugin, IdsGrowAlsoAcrossAReload) {
  auto last = say(ann, "a").id();
  for (int n = 0; n < 5; ++n) {
    const auto next = say(bob, "b").id();
    EXPECT_GT(next, last);
    last = next;
    host.reload();
  }
}

TEST_F(SocialPlugin, TextIsCheckedByCharacters) {
  settings.set_max_text(4);
  host.change_settings(settings);
  EXPECT_EQ(say(ann, " \t\n").result(), proto::TextEmpty);
  EXPECT_EQ(say(ann, "").result(), proto::TextEmpty);
  EXPECT_EQ(say(ann, "Grüß").result(), proto::NoError);
  EXPECT_EQ(say(ann, "Grüße").result(), proto::TextTooLong);
  EXPECT_THAT(host.take<proto::ChatACK>(), SizeIs(1));
}

TEST_F(SocialPlugin, WhoSpeaksTooFastIsToldForHowLongToWait) {
  settings.set_chat_per_sec(2);
  settings.set_chat_burst(3);
  host.change_settings(settings);
  for (int n = 0; n < 3; ++n) EXPECT_EQ(say(ann, "x").result(), proto::NoError);
  const auto refused = say(ann, "x");
  EXPECT_EQ(refused.result(), proto::TooFast);
  EXPECT_EQ(refused.request_id(), "r1");
  EXPECT_EQ(refused.retry_after_ms(), 500U);
  EXPECT_EQ(say(bob, "x").result(), proto::NoError) << "the others are none of that";
  host.reload();
  EXPECT_EQ(say(ann, "x").result(), proto::TooFast);
  host.advance(500ms);
  EXPECT_EQ(say(ann, "x").result(), proto::NoError);
  EXPECT_EQ(say(ann, "x").result(), proto::TooFast);
}

TEST_F(SocialPlugin, DirectoryKnowsWhoHoldsAUid) {
  EXPECT_EQ(where("ann"), ann);
  EXPECT_EQ(where("bob"), bob);
  EXPECT_EQ(where("cid"), Client());
  leave(bob);
  EXPECT_EQ(where("bob"), Client());
  EXPECT_THAT(who(ann), ElementsAre("ann"));
  host.advance(200ms);
  EXPECT_EQ(host.load(), 1U);
}

TEST_F(SocialPlugin, AgentThatDiesTakesItsPlayersOnly) {
  host.down("agent#1@test");
  EXPECT_THAT(who(ann), ElementsAre("ann"));
  EXPECT_EQ(where("bob"), Client());
}

TEST_F(SocialPlugin, NewestOfAUidWinsAndTheOldersAgentIsTold) {
  const Client again = host.client(agent);
  enter(again, "bob");
  EXPECT_EQ(where("bob"), again);
  EXPECT_THAT(replaced(other_agent), ElementsAre(static_cast<std::int64_t>(bob.session())));
  EXPECT_THAT(replaced(agent), IsEmpty());
  leave(bob);  // the older one's end is not the newer one's
  EXPECT_EQ(where("bob"), again);
}

TEST_F(SocialPlugin, OfTwoThatAreToldOfAgainTheOneWhoEnteredLaterStays) {
  for (const std::int64_t at : {999, 1001}) {
    const Client again = host.client(agent);
    auto req = online(again, "bob", at);
    req.set_again(true);
    host.deliver(req, agent);
    EXPECT_EQ(where("bob"), at == 999 ? bob : again);
    EXPECT_EQ(replaced(agent).size(), at == 999 ? 1U : 0U);
    EXPECT_EQ(replaced(other_agent).size(), at == 999 ? 0U : 1U);
    host.clear();
  }
}

TEST_F(SocialPlugin, OfTwoOfTheSameMomentTheSameOneStaysWhoeverIsToldOfFirst) {
  const Client at_first = host.client(agent);
  const Client at_second = host.client(other_agent);
  std::vector<Client> stayed;
  for (const bool first : {true, false}) {
    Host another("social#1@test");
    another.up("agent#0@test");
    another.up("agent#1@test");
    for (const Client client : {first ? at_first : at_second, first ? at_second : at_first}) {
      auto req = online(client, "cid");
      req.set_again(true);
      another.deliver(req, client.agent());
    }
    proto::WhereREQ req;
    req.set_uid("cid");
    const auto ack = another.reply<proto::WhereACK>(another.ask(req, agent));
    stayed.push_back(ack.agent() == "agent#0@test" ? at_first : at_second);
  }
  EXPECT_EQ(stayed[0], stayed[1]);
}

TEST_F(SocialPlugin, AnnouncementOfAllInPartsDropsWhoIsInNone) {
  const Client cid = host.client(agent);
  const Client dan = host.client(agent);
  enter(cid, "cid");
  auto part = online(ann, "ann");
  part.set_again(true);
  part.set_begins(true);
  host.deliver(part, agent);
  EXPECT_THAT(who(ann), ElementsAre("ann", "bob", "cid"));
  enter(dan, "dan");  // between the parts
  part = online(dan, "dan");
  part.set_again(true);
  part.set_all(true);
  host.deliver(part, agent);
  EXPECT_THAT(who(ann), ElementsAre("ann", "bob", "dan"));
  part.clear_entries();
  part.set_begins(true);
  host.deliver(part, agent);
  EXPECT_THAT(who(bob), ElementsAre("bob"));
}

TEST_F(SocialPlugin, OnlyAnAgentTellsWhoIsOnline) {
  const ServiceId game = host.up("game#0@test");
  EXPECT_EQ(host.deliver(online(ann, "cid"), game), Status::refused);
  EXPECT_EQ(host.deliver(online(ann, "cid"), ann), Status::unhandled);
  EXPECT_EQ(where("cid"), Client());
}

TEST_F(SocialPlugin, WhatAnUnknownClientSaysWaitsUntilItsAgentTellsWhoItIs) {
  const Client cid = host.client(agent);
  EXPECT_EQ(host.deliver(chat_req("first"), cid), Status::ok);
  EXPECT_EQ(host.deliver(chat_req("second"), cid), Status::ok);
  EXPECT_THAT(host.sent<proto::ChatACK>(), IsEmpty());
  const auto call = host.call<proto::WhoIsREQ>();
  EXPECT_EQ(call.to, agent);
  EXPECT_EQ(call.request.id(), static_cast<std::int64_t>(cid.session()));
  host.reload();
  proto::WhoIsACK ack;
  ack.set_uid("cid");
  host.answer(host.call<proto::WhoIsREQ>(), ack);
  const auto heard = host.sent<proto::ChatACK>();
  ASSERT_THAT(heard, SizeIs(2));
  EXPECT_EQ(heard[0].message.content(), "first");
  EXPECT_EQ(heard[1].message.content(), "second");
  EXPECT_EQ(heard[1].message.from(), "cid");
  EXPECT_EQ(where("cid"), cid);
}

TEST_F(SocialPlugin, AnnouncementAnswersWhoItIsToo) {
  const Client cid = host.client(agent);
  host.deliver(chat_req("first"), cid);
  enter(cid, "cid");
  EXPECT_EQ(host.one<proto::ChatACK>(bob).from(), "cid");
  host.answer(host.call<proto::WhoIsREQ>(), proto::WhoIsACK());
  EXPECT_EQ(where("cid"), cid);
}

TEST_F(SocialPlugin, WhomNoAgentKnowsIsToldSo) {
  const Client cid = host.client(agent);
  host.deliver(chat_req("hello?"), cid);
  host.answer(host.call<proto::WhoIsREQ>(), proto::WhoIsACK());
  EXPECT_EQ(host.one<proto::ChatDoneACK>(cid).result(), proto::NotInGame);
  host.deliver(proto::WhoREQ(), cid);
  host.fail_call(host.call<proto::WhoIsREQ>(), Status::timeout);
  EXPECT_EQ(host.one<proto::WhoACK>(cid).result(), proto::NotInGame);
  EXPECT_THAT(host.sent<proto::ChatACK>(), IsEmpty());
}

TEST_F(SocialPlugin, OnlySoManyMessagesWaitForAUid) {
  const Client cid = host.client(agent);
  for (int n = 0; n < 100; ++n) host.deliver(chat_req("x"), cid);
  EXPECT_THAT(host.sent<proto::ChatDoneACK>(), IsEmpty());
  EXPECT_EQ(say(cid, "x").result(), proto::TooFast);
  settings.set_max_waiting(1);
  host.change_settings(settings);
  EXPECT_EQ(say(host.client(agent), "x").result(), proto::TooFast);
}

TEST_F(SocialPlugin, ServiceOnBehalfOfAClientIsRefused) {
  EXPECT_EQ(host.reply_status(host.ask(chat_req("x"), agent, ann)), Status::refused);
  EXPECT_THAT(host.sent<proto::ChatACK>(), IsEmpty());
}

TEST_F(SocialPlugin, WhoGivesSoManyInOrderAndTheCountOfAll) {
  for (const std::string uid : {"zoe", "cid", "dan"}) enter(host.client(agent), uid);
  proto::WhoREQ req;
  req.set_limit(3);
  host.deliver(req, ann);
  const auto ack = host.one<proto::WhoACK>(ann);
  EXPECT_EQ(ack.count(), 5U);
  EXPECT_THAT(ack.uid(), ElementsAre("ann", "bob", "cid"));
}

TEST_F(SocialPlugin, ReloadKeepsWhoIsOnline) {
  host.reload();
  EXPECT_THAT(who(ann), ElementsAre("ann", "bob"));
  EXPECT_EQ(say(bob, "still here").result(), proto::NoError);
}

}  // namespace
