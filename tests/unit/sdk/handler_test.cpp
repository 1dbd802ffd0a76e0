#include <gmock/gmock.h>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> seen;
std::function<void(class Asker&)> act;  // what the next TickREQ does

// Names handlers of every kind.
class Asker : public cellmesh::Service<Asker> {
 public:
  void on(const probe::TickREQ& /*tick*/) { act(*this); }
  void on(const probe::NewsACK& news, cellmesh::Sender from) {
    seen.push_back("plain news " + news.text() + " of " + std::to_string(from.id().handle()));
  }
  void on_lost(std::string_view channel, std::uint64_t lost) {
    seen.push_back("lost " + std::string(channel) + " " + std::to_string(lost));
  }

  void on_loaded(const probe::LoadACK& ack, cellmesh::Status status, cellmesh::Client client, const std::string& note) {
    seen.push_back(ack.value() + "|" + std::string(to_string(status)) + "|" + std::to_string(client.session()) + "|" +
                   note);
  }
  void on_bare(const probe::LoadACK& /*ack*/, cellmesh::Status status) {
    seen.push_back("bare " + std::string(to_string(status)));
  }
  void on_tick(std::uint64_t n) { seen.push_back("tick " + std::to_string(n)); }
  void on_news(const probe::NewsACK& news, const cellmesh::ChannelInfo& info, int n) {
    seen.push_back(std::string(info.channel) + ": " + news.text() + " lost " + std::to_string(info.lost) + " from " +
                   std::to_string(info.from.handle()) + " cookie " + std::to_string(n));
  }
  static std::string twice(const std::string& text) { return text + text; }
  static probe::LoadACK load(const probe::LoadREQ& req) {
    probe::LoadACK ack;
    ack.set_value("value of " + req.key());
    return ack;
  }
  void on_twice(const std::string& text, cellmesh::Status status, int n) {
    seen.push_back(text + " " + std::string(to_string(status)) + " " + std::to_string(n));
  }
  void on_load_done(const probe::LoadACK& ack, cellmesh::Status /*status*/) { seen.push_back(ack.value()); }
};

class Handler : public testing::Test, public Fixture<Asker> {
 protected:
  void SetUp() override { seen.clear(); }
  // Lets the service do something, and tells what it asked of its host.
  std::vector<Asked> when(std::function<void(Asker&)> what) {
    act = std::move(what);
    EXPECT_EQ(running.from_service(5, id_of<probe::TickREQ>, probe::TickREQ()), CM_OK);
    return host.take();
  }
  static std::string loaded(const std::string& value) {
    probe::LoadACK ack;
    ack.set_value(value);
    return ack.SerializeAsString();
  }
  const cellmesh::ServiceId data{5};
};

TEST_F(Handler, AnswerComesBackToItsNameWithItsCookie) {
  const auto asked = when([&](Asker& service) {
    probe::LoadREQ req;
    req.set_key("k");
    EXPECT_EQ(service.call<&Asker::on_loaded>(data, req, cellmesh::Client(alice), "note"), cellmesh::Status::ok);
  });
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].to, 5U);
  EXPECT_EQ(asked[0].name, "Asker::on_loaded");
  EXPECT_EQ(asked[0].number, 0);
  EXPECT_THAT(asked[0].clients, IsEmpty());
  EXPECT_EQ(parsed<probe::LoadREQ>(asked[0].body).key(), "k");
  EXPECT_EQ(running.answer(asked[0], id_of<probe::LoadACK>, loaded("v")), CM_OK);
  EXPECT_THAT(seen, ElementsAre("v|ok|41|note"));
}

TEST_F(Handler, StatusComesWithAnEmptyAnswer) {
  const auto asked = when([&](Asker& service) {
    static_cast<void>(service.call<&Asker::on_loaded>(data, probe::LoadREQ(), cellmesh::Client(alice), ""));
  });
  EXPECT_EQ(running.answer(asked.at(0), 0, "", CM_TIMEOUT), CM_OK);
  EXPECT_THAT(seen, ElementsAre("|timeout|41|"));
}

TEST_F(Handler, AnswerOfAnotherTypeOrThatDoesNotParseIsToldAsSuch) {
  const auto asked =
      when([&](Asker& service) { static_cast<void>(service.call<&Asker::on_bare>(data, probe::LoadREQ())); });
  EXPECT_EQ(running.answer(asked.at(0), id_of<probe::AskACK>, loaded("v")), CM_BAD_MESSAGE);
  EXPECT_EQ(running.answer(asked.at(0), id_of<probe::LoadACK>, "\x0a\xff"), CM_BAD_MESSAGE);
  EXPECT_THAT(seen, ElementsAre("bare bad message", "bare bad message"));
}

TEST_F(Handler, CallHasATimeoutAndAClientOnWhoseBehalfItIs) {
  const auto asked = when([&](Asker& service) {
    static_cast<void>(
        service.call<&Asker::on_bare>(cellmesh::on_behalf(cellmesh::Client(bob), 2s), data, probe::LoadREQ()));
    static_cast<void>(service.call<&Asker::on_bare>({.timeout = 3s}, data, probe::LoadREQ()));
  });
  ASSERT_EQ(asked.size(), 2U);
  ASSERT_EQ(asked[0].clients.size(), 1U);
  EXPECT_EQ(asked[0].clients[0].session, 42U);
  EXPECT_EQ(asked[0].number, 2000);
  EXPECT_THAT(asked[1].clients, IsEmpty());
  EXPECT_EQ(asked[1].number, 3000);
}

TEST_F(Handler, UnknownNameIsUnhandled) {
  Asked call;
  call.name = "Asker::on_gone";
  EXPECT_EQ(running.answer(call, id_of<probe::LoadACK>, ""), CM_UNHANDLED);
  EXPECT_EQ(running.fire(call), CM_UNHANDLED);
  EXPECT_EQ(running.publish("news", "Asker::on_gone", "", id_of<probe::NewsACK>, ""), CM_UNHANDLED);
}

TEST_F(Handler, NameOfAnotherSortOfHandlerIsUnhandled) {
  Asked timer;
  timer.name = "Asker::on_bare";
  EXPECT_EQ(running.fire(timer), CM_UNHANDLED);
}

TEST_F(Handler, CookieThatDoesNotFitIsAFault) {
  const auto asked = when([&](Asker& service) { service.after<&Asker::on_tick>(1s, 7); });
  Asked other = asked.at(0);
  other.cookie += "x";
  EXPECT_EQ(running.fire(other), CM_FAULT);
  EXPECT_THAT(host.faults, ElementsAre(HasSubstr("Asker::on_tick")));
  EXPECT_THAT(seen, IsEmpty());
}

TEST_F(Handler, CookieThatIsTooLargeIsRefusedBeforeAnythingIsSent) {
  const auto asked = when([&](Asker& service) {
    const std::string large(CM_MAX_COOKIE, 'x');
    EXPECT_EQ(service.call<&Asker::on_loaded>(data, probe::LoadREQ(), cellmesh::Client(), large),
              cellmesh::Status::invalid);
  });
  EXPECT_THAT(asked, IsEmpty());
  EXPECT_THAT(host.lines, Contains(HasSubstr("Asker::on_loaded")));
}

TEST_F(Handler, TimersFireByNameWithTheirCookie) {
  const auto asked = when([&](Asker& service) {
    const cellmesh::TimerId once = service.after<&Asker::on_tick>(1500us, 7);
    EXPECT_TRUE(once);
    EXPECT_TRUE(service.every<&Asker::on_tick>(2s, 8U));
    EXPECT_TRUE(service.every<&Asker::on_tick>(0ms, 9));
    service.after<&Asker::on_tick>(-5s, 10);
    EXPECT_EQ(service.cancel(once), cellmesh::Status::ok);
  });
  ASSERT_EQ(asked.size(), 5U);
  EXPECT_EQ(asked[0].number, 2);  // rounded up, never early
  EXPECT_EQ(asked[0].period, 0);
  EXPECT_EQ(asked[1].number, 2000);
  EXPECT_EQ(asked[1].period, 2000);
  EXPECT_EQ(asked[2].period, 1);
  EXPECT_EQ(asked[3].number, 0);
  EXPECT_EQ(asked[4].number, 1);
  for (const std::size_t i : {0U, 1U}) EXPECT_EQ(running.fire(asked[i]), CM_OK);
  EXPECT_THAT(seen, ElementsAre("tick 7", "tick 8"));
}

TEST_F(Handler, RefusedTimerIsNoTimer) {
  host.answer = [](const Asked&) { return CM_BACKPRESSURE; };
  when([](Asker& service) { EXPECT_FALSE(service.after<&Asker::on_tick>(1s, 7)); });
  EXPECT_THAT(host.lines, Contains(HasSubstr("backpressure")));
}

TEST_F(Handler, NewsArriveByNameWithTheirCookie) {
  const auto asked = when([](Asker& service) {
    service.subscribe<&Asker::on_news>("weather", 7);
    service.subscribe("sports");
    service.unsubscribe("old");
    probe::NewsACK news;
    news.set_text("rain");
    service.publish("weather", news);
  });
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_EQ(asked[0].body, "weather");
  EXPECT_EQ(asked[1].name, "");
  EXPECT_EQ(asked[3].name, "weather");
  EXPECT_EQ(asked[3].id, id_of<probe::NewsACK>);
  EXPECT_EQ(running.publish("weather", asked[0].name, asked[0].cookie, asked[3].id, asked[3].body, 2, 9), CM_OK);
  EXPECT_EQ(running.publish("sports", "", "", asked[3].id, asked[3].body, 0, 9), CM_OK);
  EXPECT_THAT(seen, ElementsAre("weather: rain lost 2 from 9 cookie 7", "plain news rain of 9"));
}

TEST_F(Handler, NewsOfAnotherTypeOrThatDoNotParseAreRefused) {
  const auto asked = when([](Asker& service) { service.subscribe<&Asker::on_news>("weather", 7); });
  EXPECT_EQ(running.publish("weather", asked.at(0).name, asked.at(0).cookie, id_of<probe::AskACK>, ""), CM_UNHANDLED);
  EXPECT_EQ(running.publish("weather", asked.at(0).name, asked.at(0).cookie, id_of<probe::NewsACK>, "\x0a\xff"),
            CM_BAD_MESSAGE);
  EXPECT_THAT(seen, IsEmpty());
}

TEST_F(Handler, LossIsToldWhereNoMessageCanTellIt) {
  EXPECT_EQ(running.publish("weather", "Asker::on_news", "", 0, "", 4), CM_OK);
  EXPECT_EQ(running.publish("probe", "", "", id_of<probe::NewsACK>, "", 5, 9), CM_OK);
  EXPECT_THAT(seen, ElementsAre("lost weather 4", "lost probe 5", "plain news  of 9"));
}

TEST_F(Handler, JobRunsAwayFromTheServiceAndItsEndComesByName) {
  const auto asked = when([](Asker& service) {
    EXPECT_EQ((service.offload<&Asker::twice, &Asker::on_twice>("ab", 7)), cellmesh::Status::ok);
    probe::LoadREQ req;
    req.set_key("k");
    EXPECT_EQ((service.offload<&Asker::load, &Asker::on_load_done>(req)), cellmesh::Status::ok);
  });
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(running.run(asked[0]), CM_OK);
  EXPECT_EQ(running.run(asked[1]), CM_OK);
  EXPECT_THAT(seen, ElementsAre("abab ok 7", "value of k"));
}

TEST_F(Handler, JobWithABadInputSaysSo) {
  auto asked = when(
      [](Asker& service) { static_cast<void>(service.offload<&Asker::load, &Asker::on_load_done>(probe::LoadREQ())); });
  asked.at(0).body = "\x0a\xff";
  EXPECT_EQ(running.run(asked[0]), CM_OK);
  EXPECT_THAT(seen, ElementsAre(""));
}

// Two instantiations of one template member have one name: no reply could tell them apart.
class Twins : public cellmesh::Service<Twins> {
 public:
  void start() {
    after<static_cast<void (Twins::*)(int)>(&Twins::on_tick)>(1s, 1);
    after<static_cast<void (Twins::*)(double)>(&Twins::on_tick)>(1s, 1.0);
  }
  void on_tick(int /*n*/) {}
  void on_tick(double /*n*/) {}
};

TEST(HandlerNames, TwoOfOneNameAreRefusedAtCreate) {
  FakeHost host;
  const Running running(kind_of<Twins>(), host);
  EXPECT_FALSE(running.created());
  EXPECT_THAT(host.faults, ElementsAre(HasSubstr("Twins::on_tick")));
}

}  // namespace
}  // namespace cm::test
