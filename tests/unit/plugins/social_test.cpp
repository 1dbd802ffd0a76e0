#include <cellmesh/testkit.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using cellmesh::Client;
using cellmesh::ServiceId;
using cellmesh::Status;
using cellmesh::test::Did;
using cellmesh::test::Host;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using namespace std::chrono_literals;

proto::ChatREQ chat_req(const std::string& content) {
  static int count = 0;
  proto::ChatREQ req;
  req.set_content(content);
  req.set_request_id("q" + std::to_string(++count));
  return req;
}

// What the data service holds.
class Rows {
 public:
  [[nodiscard]] proto::LoadDataACK load(const proto::LoadDataREQ& req) const {
    proto::LoadDataACK ack;
    for (const auto& key : req.keys()) {
      auto& row = *ack.add_rows();
      *row.mutable_key() = key;
      const auto found = rows_.find(name(key));
      if (found == rows_.end()) continue;
      row.set_version(found->second.version);
      row.set_value(found->second.value);
    }
    return ack;
  }
  proto::SaveDataACK save(const proto::SaveDataREQ& req) {
    proto::SaveDataACK ack;
    for (const auto& write : req.writes()) {
      auto& row = rows_[name(write.key())];
      if (!write.any_version() && write.version() != row.version) {
        ack.set_result(proto::DataConflict);
        return ack;
      }
    }
    for (const auto& write : req.writes()) {
      auto& row = rows_[name(write.key())];
      row = {row.version + 1, write.value()};
      ack.add_versions(row.version);
    }
    return ack;
  }
  void put(const std::string& table, const std::string& key, const google::protobuf::MessageLite& value) {
    auto& row = rows_[table + "/" + key];
    row = {row.version + 1, value.SerializeAsString()};
  }
  [[nodiscard]] proto::SocialData player(const std::string& uid) const {
    proto::SocialData data;
    const auto found = rows_.find("social/player/" + uid);
    if (found != rows_.end()) data.ParseFromString(found->second.value);
    return data;
  }
  [[nodiscard]] bool has(const std::string& name) const {
    const auto found = rows_.find(name);
    return found != rows_.end() && found->second.version > 0;
  }

 private:
  struct Row {
    std::uint64_t version = 0;
    std::string value;
  };
  static std::string name(const proto::DataKey& key) { return key.table() + "/" + key.key(); }
  std::map<std::string, Row> rows_;
};

class SocialPlugin : public testing::Test {
 protected:
  void SetUp() override {
    enter(ann, "ann");
    enter(bob, "bob");
    settle();
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
    clients.insert(client);
    ASSERT_EQ(host.deliver(online(client, uid), client.agent()), Status::ok);
  }
  void leave(Client client) {
    proto::OfflineREQ req;
    req.add_entries()->set_session(static_cast<std::int64_t>(client.session()));
    ASSERT_EQ(host.deliver(req, client.agent()), Status::ok);
  }
  proto::ChatDoneACK say(Client client, const proto::ChatREQ& req) {
    EXPECT_EQ(host.deliver(req, client), Status::ok);
    settle_agents();
    return host.one<proto::ChatDoneACK>(client);
  }
  proto::ChatDoneACK say(Client client, const std::string& content) { return say(client, chat_req(content)); }
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

  // The data service and the agents answer all that they were asked.
  void settle() {
    for (;;) {
      settle_agents();
      const auto loads = host.calls<proto::LoadDataREQ>();
      const auto saves = host.calls<proto::SaveDataREQ>();
      if (loads.empty() && saves.empty()) return;
      for (const auto& call : loads) host.answer(call, rows.load(call.request));
      for (const auto& call : saves) host.answer(call, rows.save(call.request));
    }
  }
  void settle_agents() {
    for (;;) {
      const auto asked = host.calls<proto::LeadREQ>();
      const auto lines = host.calls<proto::DeliverREQ>();
      const auto members = host.calls<proto::MembershipREQ>();
      if (asked.empty() && lines.empty() && members.empty()) return;
      for (const auto& call : asked) host.answer(call, proto::LeadACK());
      for (const auto& call : members) host.answer(call, proto::MembershipACK());
      for (const auto& call : lines) host.answer(call, deliver(call.request, call.to));
    }
  }
  // What an agent hands to its clients.
  proto::DeliverACK deliver(const proto::DeliverREQ& req, ServiceId to) {
    proto::DeliverACK ack;
    for (const auto& line : req.lines()) {
      ack.set_last_line(line.said().id());
      for (const Client client : clients) {
        const auto session = static_cast<std::int64_t>(client.session());
        const bool named = std::find(line.sessions().begin(), line.sessions().end(), session) != line.sessions().end();
        if (client.agent() == to && (line.all() || named)) inbox[client].push_back(line.said());
      }
    }
    return ack;
  }
  // What is being saved is written, and the answer is lost.
  void lose_answer_of_save() {
    const auto call = host.call<proto::SaveDataREQ>();
    rows.save(call.request);
    host.fail_call(call, Status::timeout);
  }
  // Of words to somebody who is away: they are kept, and their sender does not learn it.
  void keep_uncertainly(Client client, const proto::ChatREQ& req) {
    host.deliver(req, client);
    host.answer(host.call<proto::LoadDataREQ>(), rows.load(host.call<proto::LoadDataREQ>().request));
    lose_answer_of_save();
    EXPECT_EQ(host.one<proto::ChatDoneACK>(client).result(), proto::DataUnavailable);
  }
  proto::ResultCode change_friends_uncertainly(Client client, proto::FriendREQ::What what, const std::string& uid) {
    proto::FriendREQ req;
    req.set_what(what);
    req.set_uid(uid);
    EXPECT_EQ(host.deliver(req, client), Status::ok);
    lose_answer_of_save();
    return host.one<proto::FriendACK>(client).result();
  }
  // What waits for a client was handed over.
  void hand_over(const std::string& uid) {
    proto::WhoIsACK ack;
    ack.set_uid(uid);
    host.answer(host.call<proto::WhoIsREQ>(), ack);
    settle();
  }
  proto::ChatDoneACK tell(Client client, const std::string& to, const std::string& content,
                          const std::string& request_id = "") {
    auto req = chat_req(content);
    req.set_to(to);
    req.set_request_id(request_id);
    EXPECT_EQ(host.deliver(req, client), Status::ok);
    settle();
    return host.one<proto::ChatDoneACK>(client);
  }
  proto::ChatDoneACK say_in(Client client, const std::string& channel, const std::string& content) {
    auto req = chat_req(content);
    req.set_channel(channel);
    return say(client, req);
  }
  proto::JoinChannelACK join(Client client, const std::string& channel) {
    proto::JoinChannelREQ req;
    req.set_channel(channel);
    EXPECT_EQ(host.deliver(req, client), Status::ok);
    settle();
    return host.one<proto::JoinChannelACK>(client);
  }
  proto::ResultCode leave_channel(Client client, const std::string& channel) {
    proto::LeaveChannelREQ req;
    req.set_channel(channel);
    EXPECT_EQ(host.deliver(req, client), Status::ok);
    settle_agents();
    return host.one<proto::LeaveChannelACK>(client).result();
  }
  proto::FriendACK friends(Client client, proto::FriendREQ::What what, const std::string& uid = "") {
    proto::FriendREQ req;
    req.set_what(what);
    req.set_uid(uid);
    EXPECT_EQ(host.deliver(req, client), Status::ok);
    settle();
    return host.one<proto::FriendACK>(client);
  }
  // The lines that a client got, which are taken: `content`, with a `*` when it is an old one.
  std::vector<std::string> heard(Client client) {
    std::vector<std::string> all;
    for (const auto& said : host.sent<proto::ChatACK>(client)) {
      all.push_back(said.message.content() + (said.message.old() ? "*" : ""));
    }
    static_cast<void>(host.take<proto::ChatACK>());
    for (const auto& said : std::exchange(inbox[client], {})) all.push_back(said.content());
    return all;
  }
  // The one line that a client got, which is taken.
  proto::ChatACK hear(Client client) {
    const auto all = std::exchange(inbox[client], {});
    EXPECT_THAT(all, SizeIs(1));
    return all.empty() ? proto::ChatACK() : all[0];
  }
  void change(const std::function<void(proto::SocialSettings&)>& how) {
    how(settings);
    host.change_settings(settings);
  }
  void down_data() { host.down("data#0@test"); }

  Rows rows;
  std::set<Client> clients;
  std::map<Client, std::vector<proto::ChatACK>> inbox;
  proto::SocialSettings settings = cellmesh::test::defaults<proto::SocialSettings>();

  Host host{"social#0@test"};
  ServiceId data = host.up("data#0@test");
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
  const auto req = chat_req("hello");
  const auto done = say(ann, req);
  EXPECT_EQ(done.result(), proto::NoError);
  EXPECT_EQ(done.request_id(), req.request_id());
  for (const Client client : {ann, bob}) {
    const auto heard = hear(client);
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
  EXPECT_THAT(heard(ann), SizeIs(1));
}

TEST_F(SocialPlugin, WhoSpeaksTooFastIsToldForHowLongToWait) {
  settings.set_chat_per_sec(2);
  settings.set_chat_burst(3);
  host.change_settings(settings);
  for (int n = 0; n < 3; ++n) EXPECT_EQ(say(ann, "x").result(), proto::NoError);
  const auto req = chat_req("x");
  const auto refused = say(ann, req);
  EXPECT_EQ(refused.result(), proto::TooFast);
  EXPECT_EQ(refused.request_id(), req.request_id());
  EXPECT_EQ(refused.retry_after_ms(), 500U);
  EXPECT_EQ(say(bob, "x").result(), proto::NoError) << "the others are none of that";
  host.reload();
  EXPECT_EQ(say(ann, "x").result(), proto::TooFast);
  host.advance(500ms);
  EXPECT_EQ(say(ann, "x").result(), proto::NoError);
  EXPECT_EQ(say(ann, "x").result(), proto::TooFast);
}

TEST_F(SocialPlugin, WhoEntersAnewMayNotSayMoreForThat) {
  change([](auto& s) {
    s.set_chat_per_sec(2);
    s.set_chat_burst(3);
    s.set_requests_per_sec(2);
    s.set_requests_burst(1);
  });
  for (int n = 0; n < 3; ++n) EXPECT_EQ(say(ann, "x").result(), proto::NoError);
  EXPECT_THAT(who(ann), SizeIs(2));
  const Client again = host.client(other_agent);
  enter(again, "ann");
  EXPECT_EQ(say(again, "x").result(), proto::TooFast);
  EXPECT_THAT(who(again), IsEmpty());
  leave(again);
  host.reload();
  enter(ann, "ann");
  EXPECT_EQ(say(ann, "x").result(), proto::TooFast);
  EXPECT_THAT(who(ann), IsEmpty());
  host.advance(500ms);
  EXPECT_EQ(say(ann, "x").result(), proto::NoError);
  EXPECT_THAT(who(ann), SizeIs(2));
  leave(ann);
  enter(ann, "ann");
  EXPECT_EQ(say(ann, "x").result(), proto::TooFast);
  host.advance(1min);
  for (int n = 0; n < 3; ++n) EXPECT_EQ(say(ann, "x").result(), proto::NoError);
}

TEST_F(SocialPlugin, WhatWhoLeftUsedUpIsForgottenWhenThatIsForgiven) {
  say(ann, "x");
  leave(ann);
  const auto runs = [&] {
    for (const auto& timer : host.memory().timers()) {
      if (timer.handler.find("forget_spent") != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(runs());
  host.advance(10s);
  EXPECT_FALSE(runs());
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
  EXPECT_THAT(host.calls<proto::DeliverREQ>(), IsEmpty());
  const auto call = host.call<proto::WhoIsREQ>();
  EXPECT_EQ(call.to, agent);
  EXPECT_EQ(call.request.id(), static_cast<std::int64_t>(cid.session()));
  host.reload();
  proto::WhoIsACK ack;
  ack.set_uid("cid");
  host.answer(host.call<proto::WhoIsREQ>(), ack);
  settle_agents();
  EXPECT_EQ(inbox[bob].at(0).from(), "cid");
  EXPECT_THAT(heard(bob), ElementsAre("first", "second"));
  EXPECT_EQ(where("cid"), cid);
}

TEST_F(SocialPlugin, AnnouncementAnswersWhoItIsToo) {
  const Client cid = host.client(agent);
  host.deliver(chat_req("first"), cid);
  enter(cid, "cid");
  settle_agents();
  EXPECT_EQ(hear(bob).from(), "cid");
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
  EXPECT_THAT(host.calls<proto::DeliverREQ>(), IsEmpty());
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
  EXPECT_THAT(host.calls<proto::DeliverREQ>(), IsEmpty());
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

// --- channels

TEST_F(SocialPlugin, MembersOfAChannelHearEachOtherAndNobodyElse) {
  const Client cid = host.client(agent);
  enter(cid, "cid");
  settle();
  EXPECT_EQ(join(ann, "red").members(), 1U);
  EXPECT_EQ(join(bob, "red").members(), 2U);
  const auto done = say_in(ann, "red", "psst");
  EXPECT_EQ(done.result(), proto::NoError);
  const auto got = hear(bob);
  EXPECT_EQ(got.channel(), "red");
  EXPECT_EQ(got.from(), "ann");
  EXPECT_EQ(got.id(), done.id());
  EXPECT_EQ(hear(ann).content(), "psst");
  EXPECT_THAT(heard(cid), IsEmpty());
  EXPECT_EQ(say_in(cid, "red", "me too").result(), proto::NotInChannel);
  EXPECT_EQ(leave_channel(bob, "red"), proto::NoError);
  EXPECT_EQ(leave_channel(bob, "red"), proto::NotInChannel);
  EXPECT_EQ(say_in(bob, "red", "still?").result(), proto::NotInChannel);
  say_in(ann, "red", "alone");
  EXPECT_THAT(heard(bob), IsEmpty());
}

TEST_F(SocialPlugin, NameOfAChannelIsChecked) {
  for (const std::string name : {"", "Red", "a b", "ü", "a/b", "123456789012345678901234567890123"}) {
    EXPECT_EQ(join(ann, name).result(), proto::BadChannel) << name;
  }
  EXPECT_EQ(join(ann, "a-9").result(), proto::NoError);
}

TEST_F(SocialPlugin, WhoJoinsGetsTheLastLinesAlsoAfterARestart) {
  change([](auto& s) { s.set_history(3); });
  join(ann, "red");
  std::uint64_t last = 0;
  for (const std::string line : {"1", "2", "3", "4"}) last = say_in(ann, "red", line).id();
  const auto contents = [](const proto::JoinChannelACK& ack) {
    std::vector<std::string> all;
    for (const auto& said : ack.history()) {
      EXPECT_TRUE(said.old());
      all.push_back(said.content());
    }
    return all;
  };
  EXPECT_THAT(contents(join(bob, "red")), ElementsAre("2", "3", "4"));
  EXPECT_THAT(contents(join(bob, "red")), ElementsAre("2", "3", "4")) << "to join again changes nothing";
  host.advance(2s);
  settle();
  leave(ann);
  leave(bob);
  enter(ann, "ann");
  settle();
  EXPECT_THAT(contents(join(ann, "red")), ElementsAre("2", "3", "4")) << "of the rows, since nobody was in it";
  EXPECT_GT(say_in(ann, "red", "5").id(), last);
}

TEST_F(SocialPlugin, LinesOfAChannelAreStoredTogetherAndAgainWhenThatFails) {
  join(ann, "red");
  join(ann, "blue");
  say_in(ann, "red", "r");
  say_in(ann, "blue", "b");
  host.advance(2s);
  const auto call = host.call<proto::SaveDataREQ>();
  EXPECT_EQ(call.request.writes_size(), 2);
  say_in(ann, "red", "meanwhile");
  host.fail_call(call, Status::timeout);
  EXPECT_FALSE(rows.has("social/channel/red"));
  host.advance(2s);
  settle();
  EXPECT_TRUE(rows.has("social/channel/red"));
  EXPECT_TRUE(rows.has("social/channel/blue"));
  host.advance(1min);
  EXPECT_THAT(host.calls<proto::SaveDataREQ>(), IsEmpty());
}

TEST_F(SocialPlugin, LinesAreStoredAtTheEnd) {
  join(ann, "red");
  say_in(ann, "red", "last words");
  host.clear();
  host.stop();
  const auto saves = host.sent<proto::SaveDataREQ>(data);
  ASSERT_THAT(saves, SizeIs(2));
  EXPECT_EQ(saves[0].message.writes(0).key().key(), "channel/red");
  EXPECT_EQ(saves[1].message.writes(0).key().key(), "leader") << "the next one need not wait";
}

TEST_F(SocialPlugin, ChannelsGoOnWithoutTheDataService) {
  down_data();
  const auto ack = join(ann, "red");
  EXPECT_EQ(ack.result(), proto::NoError);
  EXPECT_FALSE(ack.text().empty());
  EXPECT_EQ(say_in(ann, "red", "anybody?").result(), proto::NoError);
  EXPECT_EQ(say(ann, "all").result(), proto::NoError);
}

TEST_F(SocialPlugin, LinesOfBeforeAreNotLostToThoseSaidWhileTheyCouldNotBeRead) {
  proto::SocialChannelData before;
  before.add_history()->set_content("before");
  rows.put("social", "channel/red", before);
  down_data();
  join(ann, "red");
  say_in(ann, "red", "after");
  host.up("data#0@test");
  host.advance(2s);
  settle();
  const auto ack = join(bob, "red");
  ASSERT_EQ(ack.history_size(), 2);
  EXPECT_EQ(ack.history(0).content(), "before");
  EXPECT_EQ(ack.history(1).content(), "after");
}

TEST_F(SocialPlugin, ChannelsAndTheirMembersAreLimited) {
  change([](auto& s) {
    s.set_max_channels_of_player(2);
    s.set_max_channels(3);
    s.set_max_members(1);
  });
  EXPECT_EQ(join(ann, "a").result(), proto::NoError);
  EXPECT_EQ(join(ann, "b").result(), proto::NoError);
  EXPECT_EQ(join(ann, "c").result(), proto::ListFull) << "of one player";
  EXPECT_EQ(join(bob, "a").result(), proto::ListFull) << "of one channel";
  EXPECT_EQ(join(bob, "c").result(), proto::NoError);
  EXPECT_EQ(join(bob, "d").result(), proto::ListFull) << "of all";
  leave_channel(ann, "a");
  EXPECT_EQ(join(bob, "d").result(), proto::NoError);
}

TEST_F(SocialPlugin, JoinsThatWaitForTheirHistoriesAreLimitedToo) {
  change([](auto& s) { s.set_max_channels_of_player(2); });
  proto::JoinChannelREQ req;
  for (const std::string name : {"a", "b", "c"}) {
    req.set_channel(name);
    host.deliver(req, ann);
  }
  settle();
  std::map<std::string, proto::ResultCode> results;
  for (const auto& ack : host.sent<proto::JoinChannelACK>(ann)) results[ack.message.channel()] = ack.message.result();
  EXPECT_THAT(results, ElementsAre(Pair("a", proto::NoError), Pair("b", proto::NoError), Pair("c", proto::ListFull)));
  EXPECT_EQ(say_in(ann, "c", "x").result(), proto::NotInChannel);
}

TEST_F(SocialPlugin, MembershipSurvivesAReloadAndEndsWithItsClient) {
  join(ann, "red");
  join(bob, "red");
  host.reload();
  say_in(ann, "red", "x");
  EXPECT_THAT(heard(bob), ElementsAre("x"));
  host.down("agent#1@test");
  proto::WhoREQ req;
  req.set_channel("red");
  host.deliver(req, ann);
  EXPECT_THAT(host.one<proto::WhoACK>(ann).uid(), ElementsAre("ann"));
}

TEST_F(SocialPlugin, JoinThatWaitsForTheHistorySurvivesAReload) {
  proto::JoinChannelREQ req;
  req.set_channel("red");
  host.deliver(req, ann);
  host.reload();
  settle();
  EXPECT_EQ(host.one<proto::JoinChannelACK>(ann).members(), 1U);
}

TEST_F(SocialPlugin, RequestsAreLimitedToo) {
  change([](auto& s) {
    s.set_requests_per_sec(1);
    s.set_requests_burst(1);
  });
  EXPECT_EQ(join(ann, "a").result(), proto::NoError);
  const auto refused = join(ann, "b");
  EXPECT_EQ(refused.result(), proto::TooFast);
  EXPECT_EQ(refused.retry_after_ms(), 1000U);
  EXPECT_EQ(say(ann, "talking is another matter").result(), proto::NoError);
}

// --- one to one

TEST_F(SocialPlugin, PrivateWordsReachTheirReceiverOnly) {
  const auto done = tell(ann, "bob", "psst", "r7");
  EXPECT_EQ(done.result(), proto::NoError);
  EXPECT_EQ(done.request_id(), "r7");
  const auto got = hear(bob);
  EXPECT_EQ(got.from(), "ann");
  EXPECT_EQ(got.to(), "bob");
  EXPECT_EQ(got.content(), "psst");
  EXPECT_EQ(got.id(), done.id());
  EXPECT_FALSE(got.old());
  EXPECT_THAT(heard(ann), IsEmpty());
}

TEST_F(SocialPlugin, WhomNobodyKnowsIsPlayerUnknown) {
  EXPECT_EQ(tell(ann, "nobody", "?").result(), proto::PlayerUnknown);
  EXPECT_EQ(tell(ann, "no/uid", "?").result(), proto::PlayerUnknown);
  EXPECT_EQ(tell(ann, "ann", "?").result(), proto::PlayerUnknown);
  EXPECT_EQ(friends(ann, proto::FriendREQ::Add, "nobody").result(), proto::PlayerUnknown);
  EXPECT_FALSE(rows.has("social/player/nobody"));
}

TEST_F(SocialPlugin, AccountOrPlayerIsSomebodyWhoWasNeverInSocial) {
  rows.put("accounts", "carl", proto::WhereACK());
  rows.put("players", "dora", proto::WhereACK());
  EXPECT_EQ(tell(ann, "carl", "hi").result(), proto::NoError);
  EXPECT_EQ(friends(ann, proto::FriendREQ::Add, "dora").result(), proto::NoError);
}

TEST_F(SocialPlugin, WordsToSomebodyAwayAreStoredBeforeTheyAreAcknowledgedAndComeInOrder) {
  leave(bob);
  auto req = chat_req("1");
  req.set_to("bob");
  host.deliver(req, ann);
  EXPECT_THAT(host.sent<proto::ChatDoneACK>(), IsEmpty());
  settle();
  EXPECT_EQ(host.one<proto::ChatDoneACK>(ann).result(), proto::NoError);
  EXPECT_EQ(rows.player("bob").mail_size(), 1);
  EXPECT_EQ(tell(ann, "bob", "2", "a").result(), proto::NoError);
  EXPECT_EQ(tell(ann, "bob", "3", "b").result(), proto::NoError);
  host.clear();

  enter(bob, "bob");
  req.set_content("4");  // before the mailbox is read
  req.set_request_id("c");
  host.deliver(req, ann);
  settle();
  EXPECT_THAT(heard(bob), ElementsAre("1*", "2*", "3*", "4"));
  EXPECT_EQ(rows.player("bob").mail_size(), 3) << "until they were handed over";
  hand_over("bob");
  EXPECT_EQ(rows.player("bob").mail_size(), 0);
  leave(bob);
  enter(bob, "bob");
  settle();
  EXPECT_THAT(heard(bob), IsEmpty());
}

TEST_F(SocialPlugin, WhatWasNotHandedOverComesAgain) {
  leave(bob);
  tell(ann, "bob", "1");
  enter(bob, "bob");
  settle();
  EXPECT_THAT(heard(bob), ElementsAre("1*"));
  host.answer(host.call<proto::WhoIsREQ>(), proto::WhoIsACK());  // gone already
  leave(bob);
  enter(bob, "bob");
  settle();
  EXPECT_THAT(heard(bob), ElementsAre("1*"));
}

TEST_F(SocialPlugin, WhatIsSaidAgainUnderTheSameRequestIdIsKeptOnce) {
  leave(bob);
  const auto first = tell(ann, "bob", "1", "r1");
  EXPECT_EQ(tell(ann, "bob", "1", "r1").id(), first.id());
  EXPECT_EQ(tell(ann, "bob", "1", "r2").result(), proto::NoError);
  EXPECT_EQ(rows.player("bob").mail_size(), 2);
}

TEST_F(SocialPlugin, MailThatCannotBeSentNowIsSentLaterInOrder) {
  leave(bob);
  tell(ann, "bob", "1", "a");
  tell(ann, "bob", "2", "b");
  host.refuse(Did::clients_send, Status::backpressure);
  enter(bob, "bob");
  settle();
  EXPECT_THAT(heard(bob), IsEmpty());
  host.reload();
  host.refuse(Did::clients_send, Status::ok);
  host.advance(1s);
  EXPECT_THAT(heard(bob), ElementsAre("1*", "2*"));
  hand_over("bob");
  EXPECT_EQ(rows.player("bob").mail_size(), 0);
  host.advance(1min);
  EXPECT_THAT(heard(bob), IsEmpty());
}

TEST_F(SocialPlugin, NothingOvertakesMailThatWaits) {
  leave(bob);
  tell(ann, "bob", "1", "a");
  host.refuse(Did::clients_send, Status::unavailable);
  enter(bob, "bob");
  settle();
  auto req = chat_req("2");
  req.set_to("bob");
  host.deliver(req, ann);  // kept, since bob's agent cannot be reached
  settle();
  host.refuse(Did::clients_send, Status::ok);
  EXPECT_EQ(tell(ann, "bob", "3", "c").text(), "");
  EXPECT_THAT(heard(bob), ElementsAre("1*", "2*", "3"));
  hand_over("bob");
  EXPECT_EQ(rows.player("bob").mail_size(), 0);
}

TEST_F(SocialPlugin, WhatNoClientCanGetIsNotKept) {
  change([](auto& s) { s.set_max_text(65'000); });
  leave(bob);
  EXPECT_EQ(tell(ann, "bob", std::string(65'500, 'x')).result(), proto::TextTooLong);
  std::string text;
  while (text.size() < 65'520) text += "ü";
  EXPECT_EQ(tell(ann, "bob", text).result(), proto::TextTooLong);
  EXPECT_EQ(rows.player("bob").mail_size(), 0);
}

TEST_F(SocialPlugin, MailThatNoClientCanGetDoesNotHoldUpTheRest) {
  leave(bob);
  proto::SocialData stored;
  for (const std::string& content : {std::string("1"), std::string(66'000, 'x'), std::string("3")}) {
    auto& said = *stored.add_mail()->mutable_said();
    said.set_content(content);
    said.set_id(static_cast<std::uint64_t>(stored.mail_size()));
  }
  rows.put("social", "player/bob", stored);
  enter(bob, "bob");
  settle();
  EXPECT_THAT(heard(bob), ElementsAre("1*", "3*"));
  hand_over("bob");
  EXPECT_EQ(rows.player("bob").mail_size(), 0);
}

TEST_F(SocialPlugin, IdsGrowPastThoseInTheMailbox) {
  leave(bob);
  proto::SocialData stored;
  stored.add_mail()->mutable_said()->set_id(1ULL << 52);
  rows.put("social", "player/bob", stored);
  EXPECT_GT(tell(ann, "bob", "later").id(), 1ULL << 52);
}

TEST_F(SocialPlugin, WhatIsSaidAgainIsHeardOnceThoughItsReceiverCameMeanwhile) {
  leave(bob);
  auto req = chat_req("1");
  req.set_to("bob");
  req.set_request_id("r1");
  keep_uncertainly(ann, req);
  enter(bob, "bob");
  settle();
  EXPECT_THAT(heard(bob), ElementsAre("1*"));
  const auto waits = tell(ann, "bob", "1", "r1");
  EXPECT_EQ(waits.result(), proto::NoError);
  EXPECT_EQ(waits.id(), rows.player("bob").mail(0).said().id());
  hand_over("bob");
  EXPECT_EQ(rows.player("bob").mail_size(), 0);
  EXPECT_EQ(tell(ann, "bob", "1", "r1").id(), waits.id()) << "when it was handed over";
  leave(bob);
  EXPECT_EQ(tell(ann, "bob", "1", "r1").id(), waits.id()) << "when its receiver is gone again";
  enter(bob, "bob");
  settle();
  EXPECT_THAT(heard(bob), IsEmpty());
  tell(ann, "bob", "2", "r2");
  const Client cid = host.client(agent);
  enter(cid, "cid");
  settle();
  tell(cid, "bob", "3", "r1");
  EXPECT_THAT(heard(bob), ElementsAre("2", "3")) << "another request, and another's";
}

TEST_F(SocialPlugin, OnlyTheLastThatWereHandedOverAreRemembered) {
  change([](auto& s) { s.set_chat_per_sec(0); });
  leave(bob);
  proto::SocialData stored;
  auto& old = *stored.add_mail();
  old.set_request_id("r1");
  old.mutable_said()->set_from("ann");
  old.mutable_said()->set_content("long ago");
  old.mutable_said()->set_id(1);
  rows.put("social", "player/bob", stored);
  tell(ann, "bob", "long", std::string(100, 'r'));
  for (int n = 0; n < 20; ++n) tell(ann, "bob", "x", "x" + std::to_string(n));
  enter(bob, "bob");
  settle();
  hand_over("bob");
  static_cast<void>(heard(bob));
  const auto left = rows.player("bob");
  EXPECT_EQ(left.handed_size(), 16);
  EXPECT_EQ(left.handed(15).request_id(), "x19");
  EXPECT_EQ(left.handed(15).said().content(), "");
  tell(ann, "bob", "today", "r1");
  EXPECT_THAT(heard(bob), ElementsAre("today"));
}

TEST_F(SocialPlugin, MailboxIsLimited) {
  change([](auto& s) { s.set_max_mail(2); });
  leave(bob);
  EXPECT_EQ(tell(ann, "bob", "1").result(), proto::NoError);
  EXPECT_EQ(tell(ann, "bob", "2").result(), proto::NoError);
  EXPECT_EQ(tell(ann, "bob", "3").result(), proto::MailboxFull);
  EXPECT_EQ(rows.player("bob").mail_size(), 2);
}

TEST_F(SocialPlugin, WithoutTheDataServiceMailIsRefusedAndNothingHangs) {
  leave(bob);
  down_data();
  EXPECT_EQ(tell(ann, "bob", "1").result(), proto::DataUnavailable);
  EXPECT_EQ(friends(ann, proto::FriendREQ::Add, "bob").result(), proto::DataUnavailable);
  host.up("data#0@test");
  EXPECT_EQ(tell(ann, "bob", "1").result(), proto::NoError);
}

TEST_F(SocialPlugin, SaveOfAnUnknownEndIsReadBeforeTheNext) {
  leave(bob);
  auto req = chat_req("1");
  req.set_to("bob");
  keep_uncertainly(ann, req);
  host.deliver(req, ann);
  settle();
  EXPECT_EQ(host.one<proto::ChatDoneACK>(ann).result(), proto::NoError);
  EXPECT_EQ(rows.player("bob").mail_size(), 1);
}

TEST_F(SocialPlugin, ConflictIsReadAndDoneAnew) {
  leave(bob);
  auto req = chat_req("1");
  req.set_to("bob");
  host.deliver(req, ann);
  host.answer(host.call<proto::LoadDataREQ>(), rows.load(host.call<proto::LoadDataREQ>().request));
  proto::SocialData other;
  other.add_friends("cid");
  rows.put("social", "player/bob", other);
  settle();
  EXPECT_EQ(host.one<proto::ChatDoneACK>(ann).result(), proto::NoError);
  EXPECT_EQ(rows.player("bob").mail_size(), 1);
  EXPECT_THAT(rows.player("bob").friends(), ElementsAre("cid"));
}

TEST_F(SocialPlugin, PlayerWhoEnteredWhileDataWasAwayGetsItsMailLater) {
  leave(bob);
  tell(ann, "bob", "1");
  down_data();
  enter(bob, "bob");
  settle();
  EXPECT_EQ(say(bob, "to all").result(), proto::NoError);
  static_cast<void>(heard(bob));
  EXPECT_EQ(tell(ann, "bob", "2").result(), proto::DataUnavailable) << "whom it blocked is not known";
  host.up("data#0@test");
  host.advance(1s);
  settle();
  EXPECT_THAT(heard(bob), ElementsAre("1*"));
}

TEST_F(SocialPlugin, MailOnItsWayToTheDatabaseSurvivesAReload) {
  leave(bob);
  auto req = chat_req("1");
  req.set_to("bob");
  for (int n = 0; n < 3; ++n) host.deliver(req, ann);
  host.reload();
  host.answer(host.call<proto::LoadDataREQ>(), rows.load(host.call<proto::LoadDataREQ>().request));
  host.reload();
  settle();
  EXPECT_EQ(host.take<proto::ChatDoneACK>().size(), 3U);
}

TEST_F(SocialPlugin, OnlySoMuchWaitsForAPlayersRow) {
  leave(bob);
  auto req = chat_req("x");
  req.set_to("bob");
  req.set_request_id("");
  change([](auto& s) {
    s.set_chat_per_sec(0);
    s.set_max_mail(1000);
  });
  for (int n = 0; n < 64; ++n) host.deliver(req, ann);
  EXPECT_THAT(host.sent<proto::ChatDoneACK>(), IsEmpty());
  host.deliver(req, ann);
  EXPECT_EQ(host.one<proto::ChatDoneACK>(ann).result(), proto::TooFast);
  settle();
  EXPECT_THAT(host.take<proto::ChatDoneACK>(), SizeIs(64));
}

// --- friends

TEST_F(SocialPlugin, FriendsAreStoredAndTheirPresenceIsTold) {
  auto ack = friends(ann, proto::FriendREQ::Add, "bob");
  ASSERT_EQ(ack.friends_size(), 1);
  EXPECT_EQ(ack.friends(0).uid(), "bob");
  EXPECT_TRUE(ack.friends(0).online());
  EXPECT_THAT(rows.player("ann").friends(), ElementsAre("bob"));
  leave(bob);
  auto presence = host.one<proto::PresenceACK>(ann);
  EXPECT_EQ(presence.uid(), "bob");
  EXPECT_FALSE(presence.online());
  host.reload();
  enter(bob, "bob");
  settle();
  EXPECT_TRUE(host.one<proto::PresenceACK>(ann).online());
  host.down("agent#1@test");
  EXPECT_FALSE(host.one<proto::PresenceACK>(ann).online());
  EXPECT_FALSE(friends(ann, proto::FriendREQ::List).friends(0).online());
  EXPECT_THAT(friends(ann, proto::FriendREQ::Remove, "bob").friends(), IsEmpty());
  host.up("agent#1@test");
  enter(bob, "bob");
  settle();
  EXPECT_THAT(host.sent<proto::PresenceACK>(ann), IsEmpty());
}

TEST_F(SocialPlugin, FriendsOfBeforeAreToldWhenTheirFriendEnters) {
  friends(ann, proto::FriendREQ::Add, "bob");
  leave(ann);
  leave(bob);
  enter(ann, "ann");
  settle();
  enter(bob, "bob");
  settle();
  EXPECT_TRUE(host.one<proto::PresenceACK>(ann).online());
}

TEST_F(SocialPlugin, WhoEntersAnewFromElsewhereDoesNotFlicker) {
  friends(ann, proto::FriendREQ::Add, "bob");
  enter(host.client(agent), "bob");
  settle();
  EXPECT_THAT(host.sent<proto::PresenceACK>(), IsEmpty());
  EXPECT_TRUE(friends(ann, proto::FriendREQ::List).friends(0).online());
}

TEST_F(SocialPlugin, WhoEntersAnewFromElsewhereIsReadAlreadyAndLeavesWithoutTheDataService) {
  friends(ann, proto::FriendREQ::Add, "bob");
  down_data();
  const Client again = host.client(agent);
  enter(again, "bob");
  EXPECT_EQ(friends(again, proto::FriendREQ::List).result(), proto::NoError);
  EXPECT_THAT(host.sent<proto::PresenceACK>(), IsEmpty());
  leave(again);
  EXPECT_FALSE(host.one<proto::PresenceACK>(ann).online());
}

TEST_F(SocialPlugin, WhoWasSeenIsSeenToLeaveThoughItCannotBeReadByAllButWhomItBlocked) {
  const Client cid = host.client(agent);
  enter(cid, "cid");
  settle();
  friends(ann, proto::FriendREQ::Add, "bob");
  friends(cid, proto::FriendREQ::Add, "bob");
  friends(bob, proto::FriendREQ::Block, "cid");
  change_friends_uncertainly(bob, proto::FriendREQ::Add, "ann");
  down_data();
  host.clear();
  const Client again = host.client(agent);
  enter(again, "bob");
  EXPECT_EQ(friends(again, proto::FriendREQ::List).result(), proto::DataUnavailable);
  leave(again);
  EXPECT_FALSE(host.one<proto::PresenceACK>(ann).online());
  EXPECT_THAT(host.sent<proto::PresenceACK>(cid), IsEmpty());
}

TEST_F(SocialPlugin, NeitherHearsTheOtherOnceOneBlocked) {
  friends(ann, proto::FriendREQ::Add, "bob");
  friends(bob, proto::FriendREQ::Add, "ann");
  const auto ack = friends(ann, proto::FriendREQ::Block, "bob");
  EXPECT_THAT(ack.friends(), IsEmpty());
  EXPECT_THAT(ack.blocked(), ElementsAre("bob"));
  EXPECT_FALSE(host.one<proto::PresenceACK>(bob).online()) << "as if it had left";
  EXPECT_EQ(tell(ann, "bob", "x").result(), proto::PlayerBlocked);
  EXPECT_EQ(tell(bob, "ann", "x").result(), proto::PlayerBlocked);
  EXPECT_FALSE(friends(bob, proto::FriendREQ::List).friends(0).online());
  EXPECT_EQ(friends(ann, proto::FriendREQ::Add, "bob").result(), proto::PlayerBlocked);
  leave(ann);
  EXPECT_EQ(tell(bob, "ann", "x").result(), proto::PlayerBlocked) << "nor later";
  EXPECT_THAT(host.sent<proto::PresenceACK>(bob), IsEmpty());
  enter(ann, "ann");
  settle();
  EXPECT_THAT(host.sent<proto::PresenceACK>(bob), IsEmpty());
  friends(ann, proto::FriendREQ::Unblock, "bob");
  EXPECT_TRUE(host.one<proto::PresenceACK>(bob).online());
  EXPECT_EQ(tell(bob, "ann", "x").result(), proto::NoError);
}

TEST_F(SocialPlugin, WhoBlockedAPlayerDoesNotHearItAndAllOthersDoOnce) {
  const Client cid = host.client(agent);
  const ServiceId third_agent = host.up("agent#2@test");
  const Client dan = host.client(third_agent);
  enter(cid, "cid");
  enter(dan, "dan");
  settle();
  friends(ann, proto::FriendREQ::Block, "bob");
  host.clear();
  EXPECT_EQ(say(bob, "hello").result(), proto::NoError);
  for (const Client client : {bob, cid, dan}) EXPECT_EQ(inbox[client].size(), 1U);
  EXPECT_THAT(inbox[ann], IsEmpty());
  friends(ann, proto::FriendREQ::Unblock, "bob");
  host.clear();
  say(bob, "again");
  EXPECT_EQ(hear(ann).content(), "again");
}

TEST_F(SocialPlugin, ChannelLinesOfABlockedPlayerAreNotHeard) {
  const Client cid = host.client(agent);
  enter(cid, "cid");
  settle();
  for (const Client client : {ann, bob, cid}) join(client, "red");
  friends(ann, proto::FriendREQ::Block, "bob");
  say_in(bob, "red", "x");
  EXPECT_EQ(inbox[ann].size(), 0U);
  EXPECT_EQ(inbox[cid].size(), 1U);
}

TEST_F(SocialPlugin, BlockOfAnUnknownEndHoldsAsSoonAsItIsRead) {
  friends(bob, proto::FriendREQ::Add, "ann");
  EXPECT_EQ(change_friends_uncertainly(ann, proto::FriendREQ::Block, "bob"), proto::DataUnavailable);
  settle();
  EXPECT_FALSE(host.one<proto::PresenceACK>(bob).online());
  say(bob, "not for ann");
  EXPECT_THAT(heard(ann), IsEmpty());
  EXPECT_THAT(friends(ann, proto::FriendREQ::Block, "bob").blocked(), ElementsAre("bob"));
  EXPECT_THAT(host.sent<proto::PresenceACK>(bob), IsEmpty()) << "told once";

  EXPECT_EQ(change_friends_uncertainly(ann, proto::FriendREQ::Unblock, "bob"), proto::DataUnavailable);
  settle();
  EXPECT_TRUE(host.one<proto::PresenceACK>(bob).online());
  say(bob, "hello");
  EXPECT_THAT(heard(ann), ElementsAre("hello"));
}

TEST_F(SocialPlugin, FriendRemovedWithAnUnknownEndIsNotWatchedAnyMore) {
  friends(ann, proto::FriendREQ::Add, "bob");
  EXPECT_EQ(change_friends_uncertainly(ann, proto::FriendREQ::Remove, "bob"), proto::DataUnavailable);
  settle();
  leave(bob);
  EXPECT_THAT(host.sent<proto::PresenceACK>(), IsEmpty());
  enter(bob, "bob");
  settle();
  EXPECT_THAT(host.sent<proto::PresenceACK>(), IsEmpty());
}

TEST_F(SocialPlugin, FriendOfWhoEnteredAnewWhileItWasStoredIsToldOfOnce) {
  proto::FriendREQ req;
  req.set_what(proto::FriendREQ::Add);
  req.set_uid("bob");
  host.deliver(req, ann);
  leave(ann);
  enter(ann, "ann");
  settle();
  leave(bob);
  EXPECT_EQ(host.sent<proto::PresenceACK>(ann).size(), 1U);
  EXPECT_EQ(host.memory().take(Did::clients_send_list).back().clients.size(), 1U);
}

TEST_F(SocialPlugin, ListsAreLimited) {
  change([](auto& s) {
    s.set_max_friends(1);
    s.set_max_blocked(1);
  });
  for (const std::string uid : {"cid", "dan"}) rows.put("accounts", uid, proto::WhereACK());
  EXPECT_EQ(friends(ann, proto::FriendREQ::Add, "cid").result(), proto::NoError);
  EXPECT_EQ(friends(ann, proto::FriendREQ::Add, "cid").result(), proto::NoError);
  EXPECT_EQ(friends(ann, proto::FriendREQ::Add, "dan").result(), proto::ListFull);
  EXPECT_EQ(friends(ann, proto::FriendREQ::Block, "dan").result(), proto::NoError);
  EXPECT_EQ(friends(ann, proto::FriendREQ::Block, "bob").result(), proto::ListFull);
  EXPECT_EQ(rows.player("ann").friends_size(), 1);
}

}  // namespace
