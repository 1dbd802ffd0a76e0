#include <gmock/gmock.h>

#include "puppet.hpp"

namespace cm::test {
namespace {

using cellmesh::test::Did;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::uint8_t* const no_bytes = nullptr;

class Memory : public testing::Test, public OnStage {
 protected:
  const cm_host* h() const { return puppet.host; }
  cm_service data = host.up("data#0@test");
  cm_client ann{host.up("agent#0@test"), 0, 41};
  std::string large = std::string(CM_MAX_SERVICE_BODY + 1, 'x');
  const std::uint8_t* bytes = reinterpret_cast<const std::uint8_t*>(large.data());
};

TEST_F(Memory, BadArgumentsAreInvalidAndWrittenDown) {
  const auto& clients = puppet.ext<cm_host_clients>(CM_EXT_CLIENTS);
  const auto& gateway = puppet.ext<cm_host_gateway>(CM_EXT_GATEWAY);
  const auto& channel = puppet.ext<cm_host_channel>(CM_EXT_CHANNEL);
  const auto& offload = puppet.ext<cm_host_offload>(CM_EXT_OFFLOAD);
  const cm_client nobody{};
  const cm_client of_another{data, 0, 41};
  const cm_request request{data, 0, 7, {}};
  const std::string long_name(1025, 'n');
  cm_frontend_options options{};
  options.struct_size = sizeof options;
  options.port = 65'536;
  const cm_job job = [](const std::uint8_t*, std::size_t, cm_job_output*) -> cm_status { return CM_OK; };
  const std::vector<cm_status> results{
      messages().send(h(), 0, 7, bytes, 1),
      messages().send(h(), data, 0, bytes, 1),
      messages().send(h(), data, 7, no_bytes, 1),
      messages().call(h(), 0, 7, bytes, 1, nullptr, 0, "f", no_bytes, 0),
      messages().call(h(), data, 7, bytes, 1, nullptr, 0, nullptr, no_bytes, 0),
      messages().call(h(), data, 7, bytes, 1, nullptr, 0, "", no_bytes, 0),
      messages().call(h(), data, 7, bytes, 1, nullptr, 0, long_name.c_str(), no_bytes, 0),
      messages().call(h(), data, 7, bytes, 1, nullptr, 0, "f", bytes, CM_MAX_COOKIE + 1),
      messages().call(h(), data, 7, bytes, 1, nullptr, 0, "f", no_bytes, 1),
      messages().reply(h(), nullptr, 7, bytes, 1),
      messages().reply(h(), &request, 0, bytes, 1),
      messages().reply_status(h(), &request, CM_OK),
      messages().reply_status(h(), nullptr, CM_FAULT),
      timer().start(h(), 1, 0, nullptr, no_bytes, 0, nullptr),
      timer().start(h(), 1, 0, "f", bytes, CM_MAX_COOKIE + 1, nullptr),
      clients.send(h(), nullptr, 7, bytes, 1),
      clients.send(h(), &nobody, 7, bytes, 1),
      clients.send(h(), &ann, 0, bytes, 1),
      clients.send_list(h(), nullptr, 2, 7, bytes, 1),
      clients.send_list(h(), &nobody, 1, 7, bytes, 1),
      clients.broadcast(h(), 0, 7, no_bytes, 1),
      clients.close(h(), &ann, CM_CLOSE_NONE, nullptr),
      clients.close(h(), &ann, CM_CLOSE_GATEWAY_LOST, nullptr),
      clients.close(h(), &ann, 99, nullptr),
      clients.close(h(), &nobody, CM_CLOSE_KICKED, nullptr),
      clients.close_list(h(), nullptr, 1, CM_CLOSE_KICKED, nullptr),
      clients.close_all(h(), 0, 0, nullptr),
      clients.bind(h(), &nobody),
      clients.unbind(h(), nullptr),
      gateway.open(h(), nullptr, nullptr),
      gateway.open(h(), &options, nullptr),
      gateway.update(h(), &options),
      gateway.intercept(h(), 7),
      gateway.admit(h(), &of_another),
      gateway.release(h(), nullptr),
      gateway.bind(h(), &ann, data),
      gateway.unbind(h(), &of_another, "game"),
      channel.publish(h(), "", 7, bytes, 1),
      channel.publish(h(), "\xff", 7, bytes, 1),
      channel.publish(h(), "news", 0, bytes, 1),
      channel.subscribe(h(), std::string(201, 'c').c_str(), "f", no_bytes, 0),
      channel.subscribe(h(), "news", nullptr, no_bytes, 0),
      channel.unsubscribe(h(), nullptr),
      offload.run(h(), nullptr, bytes, 1, "f", no_bytes, 0),
      offload.run(h(), job, bytes, 1, "", no_bytes, 0),
      offload.run(h(), job, no_bytes, 1, "f", no_bytes, 0)};
  EXPECT_THAT(results, Each(CM_INVALID));
  EXPECT_THAT(host.misuses(), SizeIs(results.size()));
  EXPECT_THAT(host.lines(), SizeIs(results.size()));
  EXPECT_THAT(host.take(Did::clients_send_list), SizeIs(1));  // a list is tried to its end
  EXPECT_THAT(host.acts(), IsEmpty());
}

TEST_F(Memory, TooMuchIsTooLarge) {
  const auto& clients = puppet.ext<cm_host_clients>(CM_EXT_CLIENTS);
  const auto& channel = puppet.ext<cm_host_channel>(CM_EXT_CHANNEL);
  const cm_request of_client{0, 0, 0, ann};
  EXPECT_EQ(messages().send(h(), data, 7, bytes, large.size()), CM_TOO_LARGE);
  EXPECT_EQ(messages().send(h(), data, 7, bytes, large.size() - 1), CM_OK);
  EXPECT_EQ(messages().call(h(), data, 7, bytes, large.size(), nullptr, 0, "f", no_bytes, 0), CM_TOO_LARGE);
  EXPECT_EQ(messages().reply(h(), &of_client, 7, bytes, CM_MAX_CLIENT_BODY + 1), CM_TOO_LARGE);
  EXPECT_EQ(messages().reply(h(), &of_client, 7, bytes, CM_MAX_CLIENT_BODY), CM_OK);
  EXPECT_EQ(clients.send(h(), &ann, 7, bytes, CM_MAX_CLIENT_BODY + 1), CM_TOO_LARGE);
  EXPECT_EQ(clients.broadcast(h(), 0, 7, bytes, CM_MAX_CLIENT_BODY + 1), CM_TOO_LARGE);
  EXPECT_EQ(channel.publish(h(), "news", 7, bytes, large.size()), CM_TOO_LARGE);
  EXPECT_THAT(host.misuses(), IsEmpty());
}

TEST_F(Memory, WhoIsNotUpIsUnavailable) {
  const auto& clients = puppet.ext<cm_host_clients>(CM_EXT_CLIENTS);
  const auto& channel = puppet.ext<cm_host_channel>(CM_EXT_CHANNEL);
  host.down("data#0@test");
  host.down("agent#0@test");
  EXPECT_EQ(messages().send(h(), data, 7, bytes, 1), CM_UNAVAILABLE);
  EXPECT_EQ(messages().send(h(), 99, 7, bytes, 1), CM_UNAVAILABLE);
  EXPECT_EQ(call(data, 0, "f"), CM_UNAVAILABLE);
  EXPECT_EQ(clients.send(h(), &ann, 7, bytes, 1), CM_UNAVAILABLE);
  EXPECT_EQ(clients.broadcast(h(), ann.agent, 7, bytes, 1), CM_UNAVAILABLE);
  EXPECT_EQ(clients.broadcast(h(), 0, 7, bytes, 1), CM_OK);
  EXPECT_EQ(channel.publish(h(), "news", 7, bytes, 1), CM_UNAVAILABLE);
  host.up("hub#0@test");
  EXPECT_EQ(channel.publish(h(), "news", 7, bytes, 1), CM_OK);
  EXPECT_THAT(host.calls(), IsEmpty());
}

TEST_F(Memory, LimitsAreThoseOfAHost) {
  const auto& metrics = puppet.ext<cm_host_metrics>(CM_EXT_METRICS);
  for (int n = 0; n < 100'000; ++n) ASSERT_EQ(start_timer(1'000'000, 0, "f"), CM_OK);
  EXPECT_EQ(start_timer(1'000'000, 0, "f"), CM_BACKPRESSURE);
  for (int n = 0; n < 1'000; ++n) ASSERT_NE(metrics.get(h(), ("m" + std::to_string(n)).c_str()), 0U);
  EXPECT_EQ(metrics.get(h(), "one_more"), 0U);
  EXPECT_EQ(metrics.get(h(), "m7"), 8U);
  const auto& offload = puppet.ext<cm_host_offload>(CM_EXT_OFFLOAD);
  const cm_job job = [](const std::uint8_t*, std::size_t, cm_job_output*) -> cm_status { return CM_OK; };
  for (int n = 0; n < 1'000; ++n) ASSERT_EQ(offload.run(h(), job, no_bytes, 0, "f", no_bytes, 0), CM_OK);
  EXPECT_EQ(offload.run(h(), job, no_bytes, 0, "f", no_bytes, 0), CM_BACKPRESSURE);
}

TEST_F(Memory, MetricNamesAreChecked) {
  const auto& metrics = puppet.ext<cm_host_metrics>(CM_EXT_METRICS);
  EXPECT_EQ(metrics.get(h(), nullptr), 0U);
  EXPECT_EQ(metrics.get(h(), ""), 0U);
  EXPECT_EQ(metrics.get(h(), "Upper"), 0U);
  EXPECT_EQ(metrics.get(h(), std::string(101, 'm').c_str()), 0U);
  const cm_metric good = metrics.get(h(), "good_1");
  metrics.add(h(), good, 3);
  metrics.add(h(), 0, 3);
  metrics.set(h(), 77, 3);
  EXPECT_EQ(host.metric("good_1"), 3);
}

TEST_F(Memory, NothingIsSentBeforeStart) {
  host.destroy();
  cm_status in_create = CM_OK;
  cm_status timer_in_create = CM_INVALID;
  static cm_service_kind kind = Puppet::kind;
  static cm_status* sent = &in_create;
  static cm_status* timed = &timer_in_create;
  kind.create = [](const cm_host* of) -> void* {
    const auto* message = static_cast<const cm_host_message*>(of->get_extension(of, CM_EXT_MESSAGE));
    const auto* timers = static_cast<const cm_host_timer*>(of->get_extension(of, CM_EXT_TIMER));
    *sent = message->send(of, of->self, 7, nullptr, 0);
    *timed = timers->start(of, 1, 0, "f", nullptr, 0, nullptr);
    return Puppet::create(of);
  };
  MemoryHost early(kind);
  EXPECT_TRUE(early.create());
  EXPECT_EQ(in_create, CM_INVALID);
  EXPECT_EQ(timer_in_create, CM_OK);
}

TEST_F(Memory, JobSeesItsInputAndNotTheHost) {
  static const cm_host* of = nullptr;
  of = puppet.host;
  const auto& offload = puppet.ext<cm_host_offload>(CM_EXT_OFFLOAD);
  const cm_job job = [](const std::uint8_t* input, std::size_t size, cm_job_output* output) -> cm_status {
    if (of->get_extension(of, CM_EXT_TIMER) != nullptr) return CM_FAULT;
    return output->write(output, input, size);
  };
  EXPECT_EQ(offload.run(h(), job, bytes, 3, "done", no_bytes, 0), CM_OK);
  const cm_job throws = [](const std::uint8_t*, std::size_t, cm_job_output*) -> cm_status { throw 1; };
  EXPECT_EQ(offload.run(h(), throws, bytes, 3, "done", no_bytes, 0), CM_OK);
  puppet.seen.clear();
  EXPECT_EQ(host.run_job(), CM_OK);
  EXPECT_THAT(puppet.seen, ElementsAre("done xxx status 0"));
  EXPECT_EQ(host.run_job(), CM_OK);
  EXPECT_THAT(host.faults(), SizeIs(1));
  EXPECT_EQ(host.run_job(), CM_NOT_FOUND);
}

TEST_F(Memory, ServiceThatGoesDownEndsTheCallsToItFirst) {
  call(data, 0, "answer");
  call(ann.agent, 0, "other");
  puppet.seen.clear();
  host.down("data#0@test");
  host.down("data#0@test");
  host.up("data#0@test");
  host.up("data#0@test");
  EXPECT_THAT(puppet.seen, ElementsAre("answer status 2", "service 2 down", "service 2 up"));
  EXPECT_THAT(host.calls(), SizeIs(1));
}

TEST_F(Memory, PicksTheLeastLoadedThatIsUpKnownLoadsFirst) {
  const auto& directory = puppet.ext<cm_host_directory>(CM_EXT_DIRECTORY);
  EXPECT_EQ(directory.pick(h(), "game"), 0U);
  host.up("game#0@test");
  const cm_service busy = host.up("game#1@test", {.load = 9});
  EXPECT_EQ(directory.pick(h(), "game"), busy);
  const cm_service light = host.up("game#2@test", {.load = 1});
  EXPECT_EQ(directory.pick(h(), "game"), light);
  directory.set_load_of(h(), light, 20, 1000);
  EXPECT_EQ(directory.pick(h(), "game"), busy);
  directory.set_load_of(h(), busy, 30, 1000);
  host.advance(1000);  // neither is believed any more: of equals the first
  EXPECT_EQ(host.name(directory.pick(h(), "game")), "game#0@test");
}

TEST_F(Memory, OnlyAServiceThatRunsIsPicked) {
  const auto& directory = puppet.ext<cm_host_directory>(CM_EXT_DIRECTORY);
  EXPECT_EQ(directory.pick(h(), "puppet"), 0U);
  EXPECT_EQ(host.start(), CM_OK);
  EXPECT_EQ(directory.pick(h(), "puppet"), host.self());
  host.stop();
  EXPECT_EQ(directory.pick(h(), "puppet"), 0U);
}

TEST_F(Memory, DecisionsOfTheTestAreTheResultAndNothingHappens) {
  host.decide([&](const auto& act) { return act.to == data ? CM_BACKPRESSURE : CM_OK; });
  EXPECT_EQ(call(data, 0, "f"), CM_BACKPRESSURE);
  EXPECT_EQ(call(ann.agent, 0, "f"), CM_OK);
  host.decide(nullptr);
  host.refuse(Did::timer_start, CM_BACKPRESSURE);
  EXPECT_EQ(start_timer(1, 0, "f"), CM_BACKPRESSURE);
  EXPECT_THAT(host.timers(), IsEmpty());
  EXPECT_THAT(host.calls(), SizeIs(1));
  host.accept(Did::timer_start);
  EXPECT_EQ(start_timer(1, 0, "f"), CM_OK);
}

TEST_F(Memory, StopEndsWhatItWouldWaitFor) {
  host.start();
  host.stop();
  EXPECT_EQ(messages().send(h(), data, 7, bytes, 1), CM_OK);  // sends made in stop still go out
  EXPECT_EQ(call(data, 0, "f"), CM_STOPPING);
}

TEST_F(Memory, HookOfAServiceThatIsNotThereIsAMistakeOfTheTest) {
  EXPECT_THROW(MemoryHost(Puppet::kind).deliver({}, 7, ""), std::logic_error);
  EXPECT_THROW(host.create(), std::logic_error) << "it is there";
  host.destroy();
  EXPECT_THROW(host.start(), std::logic_error);
  EXPECT_THROW(host.deliver({}, 7, ""), std::logic_error);
  EXPECT_THROW(MemoryHost(Puppet::kind, {.id = "another#0@test"}), std::invalid_argument);
}

TEST_F(Memory, ActsAreToldInWords) {
  const auto& clients = puppet.ext<cm_host_clients>(CM_EXT_CLIENTS);
  const cm_request request{data, 0, 7, {}};
  host.take();
  clients.send(h(), &ann, 7, bytes, 1);
  call(data, 0, "Puppet::on_answer");
  messages().reply_status(h(), &request, CM_REFUSED);
  host.down("data#0@test");
  messages().send(h(), data, 7, bytes, 1);
  std::vector<std::string> words;
  for (const auto& act : host.take()) words.push_back(host.describe(act));
  EXPECT_THAT(words, ElementsAre("clients.send 41", "call @data#0@test Puppet::on_answer",
                                 "reply_status @data#0@test: refused", "send @data#0@test -> unavailable"));
}

TEST_F(Memory, WatchedEntriesAreToldAsTheyAreAndAsTheyChange) {
  const auto& kv = puppet.ext<cm_host_kv>(CM_EXT_KV);
  const auto* value = reinterpret_cast<const std::uint8_t*>("1");
  puppet.message = [&](const cm_message&) {
    EXPECT_EQ(kv.publish(h(), "keys/a", value, 1), CM_OK);
    EXPECT_EQ(kv.publish(h(), "other/a", value, 1), CM_OK);
    EXPECT_EQ(kv.watch(h(), "keys/"), CM_OK);
    return CM_OK;
  };
  host.start();
  puppet.seen.clear();
  EXPECT_EQ(host.deliver({data, 0, 0, {}}, 7, ""), CM_OK);
  EXPECT_THAT(puppet.seen, ElementsAre("entry keys/a 1"));
  puppet.seen.clear();
  host.entry("keys/a", "2");
  host.entry("keys/a", "2");
  host.entry("keys/b", "3");
  host.entry("other/b", "4");
  host.entry("keys/a", std::nullopt);
  EXPECT_THAT(puppet.seen, ElementsAre("entry keys/a 2", "entry keys/b 3", "entry keys/a gone"));
  EXPECT_THAT(host.entries(), SizeIs(3));
  EXPECT_EQ(kv.remove(h(), "other/b"), CM_OK);
  EXPECT_EQ(kv.unwatch(h(), "keys/"), CM_OK);
  EXPECT_EQ(kv.unwatch(h(), "keys/"), CM_NOT_FOUND);
  host.entry("keys/b", "5");
  EXPECT_THAT(puppet.seen, SizeIs(3));
  EXPECT_THAT(host.entries(), SizeIs(2));
}

TEST_F(Memory, EntriesHaveGoodNamesAndNoLargeValues) {
  const auto& kv = puppet.ext<cm_host_kv>(CM_EXT_KV);
  host.start();
  for (const char* name : {"", "/", "a//b", "a/", "..", "a b"}) {
    EXPECT_EQ(kv.publish(h(), name, bytes, 1), CM_INVALID) << name;
    EXPECT_EQ(kv.remove(h(), name), CM_INVALID) << name;
  }
  EXPECT_EQ(kv.watch(h(), "a//"), CM_INVALID);
  EXPECT_EQ(kv.publish(h(), "a", no_bytes, 1), CM_INVALID);
  EXPECT_EQ(kv.publish(h(), "a", bytes, CM_MAX_KV_VALUE + 1), CM_TOO_LARGE);
  EXPECT_EQ(kv.publish(h(), "a", bytes, CM_MAX_KV_VALUE), CM_OK);
}

TEST_F(Memory, ClientComesFromAnAddress) {
  host.client_opened({host.self(), 0, 5}, "2001:db8::7");
  EXPECT_THAT(puppet.seen, testing::Contains("address 5 2001:db8::7"));
}

}  // namespace
TEST_F(Memory, HealthIsWrittenDownAndNobodyPicksTheUnhealthy) {
  const auto& health = puppet.ext<cm_host_health>(CM_EXT_HEALTH);
  const auto& directory = puppet.ext<cm_host_directory>(CM_EXT_DIRECTORY);
  EXPECT_EQ(health.unhealthy(h(), ""), CM_INVALID);
  EXPECT_EQ(host.unhealthy(), "");
  host.take();
  EXPECT_EQ(health.unhealthy(h(), "no database"), CM_OK);
  EXPECT_EQ(host.unhealthy(), "no database");
  EXPECT_EQ(host.describe(host.take().at(0)), "health.set no database");
  EXPECT_EQ(directory.pick(h(), "puppet"), 0U);
  EXPECT_EQ(host.reload(), "") << "the next generation starts healthy";
  EXPECT_EQ(host.unhealthy(), "");
  EXPECT_EQ(health.unhealthy(h(), "again"), CM_OK);
  EXPECT_EQ(health.healthy(h()), CM_OK);
  EXPECT_EQ(host.unhealthy(), "");
  const auto sick = host.up("sick#0@test", {.load = {}, .address = {}, .unhealthy = "it is sick"});
  EXPECT_EQ(directory.pick(h(), "sick"), 0U);
  std::string why;
  directory.get(
      h(), sick, [](void* out, const cm_service_info* info) { *static_cast<std::string*>(out) = info->unhealthy; },
      &why);
  EXPECT_EQ(why, "it is sick");
}

}  // namespace cm::test
