#include <gmock/gmock.h>

#include <functional>

#include "unit/sdk/probe.hpp"

namespace cm::test {
namespace {

using namespace std::chrono_literals;
using cellmesh::Status;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> came;
std::function<void(class Asker&)> ask;  // what the next TickREQ does

// Names handlers of every kind.
class Asker : public cellmesh::Service<Asker> {
 public:
  void on(const probe::TickREQ& /*tick*/) { ask(*this); }
  void on(const probe::NewsACK& news, cellmesh::Sender from) {
    came.push_back("plain news " + news.text() + " of " + directory().name(from.id()));
  }
  void on_lost(std::string_view channel, std::uint64_t lost) {
    came.push_back("lost " + std::string(channel) + " " + std::to_string(lost));
  }

  void on_loaded(const probe::LoadACK& ack, cellmesh::Status status, cellmesh::Client client, const std::string& note) {
    came.push_back(ack.value() + "|" + std::string(to_string(status)) + "|" + std::to_string(client.session()) + "|" +
                   note);
  }
  void on_bare(const probe::LoadACK& /*ack*/, cellmesh::Status status) {
    came.push_back("bare " + std::string(to_string(status)));
  }
  void on_tick(std::uint64_t n) { came.push_back("tick " + std::to_string(n)); }
  void on_news(const probe::NewsACK& news, const cellmesh::ChannelInfo& info, int n) {
    came.push_back(std::string(info.channel) + ": " + news.text() + " lost " + std::to_string(info.lost) + " from " +
                   directory().name(info.from) + " cookie " + std::to_string(n));
  }
  static std::string twice(const std::string& text) { return text + text; }
  static probe::LoadACK load(const probe::LoadREQ& req) {
    probe::LoadACK ack;
    ack.set_value("value of " + req.key());
    return ack;
  }
  void on_twice(const std::string& text, cellmesh::Status status, int n) {
    came.push_back(text + " " + std::string(to_string(status)) + " " + std::to_string(n));
  }
  void on_load_done(const probe::LoadACK& ack, cellmesh::Status /*status*/) { came.push_back(ack.value()); }
};

class Handler : public testing::Test, public Fixture<Asker> {
 protected:
  void SetUp() override { came.clear(); }
  // Lets the service do something.
  void when(std::function<void(Asker&)> what) {
    ask = std::move(what);
    EXPECT_EQ(host.deliver(probe::TickREQ(), data), Status::ok);
  }
  // Lets it call with a request of no content.
  cellmesh::test::Call<probe::LoadREQ> call_bare() {
    when([&](Asker& service) { EXPECT_EQ(service.call<&Asker::on_bare>(data, probe::LoadREQ()), Status::ok); });
    return host.call<probe::LoadREQ>();
  }
  static probe::LoadACK loaded(const std::string& value) {
    probe::LoadACK ack;
    ack.set_value(value);
    return ack;
  }
  static probe::NewsACK rain() {
    probe::NewsACK news;
    news.set_text("rain");
    return news;
  }
};

TEST_F(Handler, AnswerComesBackToItsNameWithItsCookie) {
  when([&](Asker& service) {
    probe::LoadREQ req;
    req.set_key("k");
    EXPECT_EQ(service.call<&Asker::on_loaded>(data, req, alice, "note"), Status::ok);
  });
  const auto call = host.call<probe::LoadREQ>();
  EXPECT_EQ(call.to, data);
  EXPECT_EQ(call.request.key(), "k");
  EXPECT_FALSE(call.client);
  EXPECT_EQ(memory.calls().at(0).handler, "Asker::on_loaded");
  EXPECT_EQ(host.answer(call, loaded("v")), Status::ok);
  EXPECT_THAT(came, ElementsAre("v|ok|1|note"));
}

TEST_F(Handler, StatusComesWithAnEmptyAnswer) {
  when([&](Asker& service) {
    EXPECT_EQ(service.call<&Asker::on_loaded>(data, probe::LoadREQ(), alice, ""), Status::ok);
  });
  EXPECT_EQ(host.fail_call(host.call<probe::LoadREQ>(), Status::refused), Status::ok);
  EXPECT_THAT(came, ElementsAre("|refused|1|"));
}

TEST_F(Handler, AnswerOfAnotherTypeOrThatDoesNotParseIsToldAsSuch) {
  EXPECT_EQ(host.answer(call_bare(), probe::AskACK()), Status::bad_message);
  EXPECT_EQ(memory.answer(call_bare().number, message_id<probe::LoadACK>, "\x0a\xff"), CM_BAD_MESSAGE);
  EXPECT_THAT(came, ElementsAre("bare bad message", "bare bad message"));
}

TEST_F(Handler, CallHasATimeoutAndAClientOnWhoseBehalfItIs) {
  when([&](Asker& service) {
    EXPECT_EQ(service.call<&Asker::on_bare>(cellmesh::on_behalf(bob, 2s), data, probe::LoadREQ()), Status::ok);
    EXPECT_EQ(service.call<&Asker::on_bare>({.timeout = 3s}, data, probe::LoadREQ()), Status::ok);
    EXPECT_EQ(service.call<&Asker::on_bare>(data, probe::LoadREQ()), Status::ok);
  });
  const auto calls = host.calls<probe::LoadREQ>();
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(calls[0].client, bob);
  EXPECT_FALSE(calls[1].client);
  std::vector<std::uint64_t> timeouts;
  for (const Act& call : memory.take(Did::call)) timeouts.push_back(call.time_ms);
  EXPECT_THAT(timeouts, ElementsAre(2000, 3000, 0));
}

TEST_F(Handler, UnknownNameIsUnhandled) {
  void* self = memory.instance();
  const auto* messages = static_cast<const cm_plugin_message*>(memory.extension(CM_EXT_MESSAGE));
  const auto* timers = static_cast<const cm_plugin_timer*>(memory.extension(CM_EXT_TIMER));
  const auto* channels = static_cast<const cm_plugin_channel*>(memory.extension(CM_EXT_CHANNEL));
  cm_reply reply{};
  reply.handler = "Asker::on_gone";
  EXPECT_EQ(messages->on_reply(self, &reply), CM_UNHANDLED);
  EXPECT_EQ(timers->on_timer(self, 1, "Asker::on_gone", nullptr, 0), CM_UNHANDLED);
  EXPECT_EQ(timers->on_timer(self, 1, "Asker::on_bare", nullptr, 0), CM_UNHANDLED) << "a handler of another sort";
  cm_channel_message message{};
  message.id = message_id<probe::NewsACK>;
  message.channel = "news";
  message.handler = "Asker::on_gone";
  EXPECT_EQ(channels->on_channel(self, &message), CM_UNHANDLED);
}

TEST_F(Handler, CookieThatDoesNotFitIsAFault) {
  const auto* timers = static_cast<const cm_plugin_timer*>(memory.extension(CM_EXT_TIMER));
  when([&](Asker& service) { service.after<&Asker::on_tick>(1s, 7); });
  const auto timer = memory.timers().at(0);
  const std::string other = timer.cookie + "x";
  const auto* cookie = reinterpret_cast<const std::uint8_t*>(other.data());
  EXPECT_EQ(timers->on_timer(memory.instance(), 1, timer.handler.c_str(), cookie, other.size()), CM_FAULT);
  EXPECT_THAT(memory.take_faults(),
              ElementsAre(testing::Field(&cellmesh::test::Fault::what, HasSubstr("Asker::on_tick"))));
  EXPECT_THAT(came, IsEmpty());
}

TEST_F(Handler, CookieThatIsTooLargeIsRefusedBeforeAnythingIsSent) {
  when([&](Asker& service) {
    const std::string large(CM_MAX_COOKIE, 'x');
    EXPECT_EQ(service.call<&Asker::on_loaded>(data, probe::LoadREQ(), alice, large), Status::invalid);
  });
  EXPECT_THAT(host.did(), IsEmpty());
  EXPECT_TRUE(host.logged("Asker::on_loaded"));
}

TEST_F(Handler, TimersFireByNameWithTheirCookie) {
  when([&](Asker& service) {
    const cellmesh::TimerId once = service.after<&Asker::on_tick>(1500us, 6);
    EXPECT_TRUE(once);
    EXPECT_EQ(service.cancel(once), Status::ok);
    EXPECT_EQ(service.cancel(once), Status::not_found);
    EXPECT_TRUE(service.after<&Asker::on_tick>(1500us, 7));
    EXPECT_TRUE(service.every<&Asker::on_tick>(2s, 8U));
    service.after<&Asker::on_tick>(-5s, 9);
  });
  host.advance(1ms);
  EXPECT_THAT(came, ElementsAre("tick 9"));
  host.advance(1ms);  // rounded up, never early
  EXPECT_THAT(came, ElementsAre("tick 9", "tick 7"));
  host.advance(4s);
  EXPECT_THAT(came, ElementsAre("tick 9", "tick 7", "tick 8", "tick 8"));
}

TEST_F(Handler, PeriodOfNothingIsTheShortestThereIs) {
  when([](Asker& service) { EXPECT_TRUE(service.every<&Asker::on_tick>(0ms, 9)); });
  EXPECT_EQ(memory.timers().at(0).period_ms, 1U);
}

TEST_F(Handler, RefusedTimerIsNoTimer) {
  host.refuse(Did::timer_start, Status::backpressure);
  when([](Asker& service) { EXPECT_FALSE(service.after<&Asker::on_tick>(1s, 7)); });
  EXPECT_TRUE(host.logged("backpressure"));
}

TEST_F(Handler, NewsArriveByNameWithTheirCookie) {
  host.up("hub#0@test");
  when([](Asker& service) {
    EXPECT_EQ(service.subscribe<&Asker::on_news>("weather", 7), Status::ok);
    EXPECT_EQ(service.subscribe("sports"), Status::ok);
    EXPECT_EQ(service.unsubscribe("old"), Status::not_found);
    EXPECT_EQ(service.publish("weather", rain()), Status::ok);
  });
  EXPECT_EQ(host.take<probe::NewsACK>().at(0).act.channel, "weather");
  EXPECT_EQ(host.publish("weather", rain(), data, 2), Status::ok);
  EXPECT_EQ(host.publish("sports", rain(), data), Status::ok);
  EXPECT_THAT(came, ElementsAre("weather: rain lost 2 from data#0@test cookie 7", "plain news rain of data#0@test"));
}

TEST_F(Handler, NewsOfAnotherTypeOrThatDoNotParseAreRefused) {
  when([](Asker& service) { service.subscribe<&Asker::on_news>("weather", 7); });
  EXPECT_EQ(host.publish("weather", probe::AskACK()), Status::unhandled);
  EXPECT_EQ(memory.publish("weather", message_id<probe::NewsACK>, "\x0a\xff"), CM_BAD_MESSAGE);
  EXPECT_THAT(came, IsEmpty());
}

TEST_F(Handler, LossIsToldWhereNoMessageCanTellIt) {
  when([](Asker& service) { service.subscribe<&Asker::on_news>("weather", 7); });
  host.lose("weather", 4);
  host.publish("asker", rain(), data, 5);
  EXPECT_THAT(came, ElementsAre("lost weather 4", "lost asker 5", "plain news rain of data#0@test"));
}

TEST_F(Handler, JobRunsAwayFromTheServiceAndItsEndComesByName) {
  when([](Asker& service) {
    EXPECT_EQ((service.offload<&Asker::twice, &Asker::on_twice>("ab", 7)), Status::ok);
    probe::LoadREQ req;
    req.set_key("k");
    EXPECT_EQ((service.offload<&Asker::load, &Asker::on_load_done>(req)), Status::ok);
  });
  EXPECT_THAT(came, IsEmpty());
  EXPECT_EQ(host.run_jobs(), 2U);
  EXPECT_THAT(came, ElementsAre("abab ok 7", "value of k"));
}

TEST_F(Handler, JobWithABadInputSaysSo) {
  when(
      [](Asker& service) { static_cast<void>(service.offload<&Asker::load, &Asker::on_load_done>(probe::LoadREQ())); });
  std::string output;
  cm_job_output to{&output, [](cm_job_output*, const std::uint8_t*, std::size_t) -> cm_status { return CM_OK; }};
  const std::uint8_t garbage[] = {0x0A, 0xFF};
  EXPECT_EQ(memory.jobs().at(0).work(garbage, sizeof garbage, &to), CM_BAD_MESSAGE);
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
  MemoryHost host(kind_of<Twins>());
  EXPECT_FALSE(host.create());
  EXPECT_THAT(faults(host), ElementsAre(HasSubstr("Twins::on_tick")));
}

}  // namespace
}  // namespace cm::test
