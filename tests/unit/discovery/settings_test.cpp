#include "discovery/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "discovery/embedded.hpp"
#include "support/captured_log.hpp"
#include "support/seen.hpp"

namespace cm::discovery {
namespace {

using test::Seen;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using KvMap = Discovery::KvMap;

std::vector<SettingField> agent_fields() {
  SettingField heartbeat;
  heartbeat.name = "heartbeat_sec";
  heartbeat.number = 1;
  heartbeat.type = SettingType::int32;
  heartbeat.default_value = "5";
  heartbeat.min = 0;
  heartbeat.max = 3600;
  SettingField listen;
  listen.name = "listen";
  listen.number = 2;
  listen.default_value = "127.0.0.1:0";
  listen.restart = true;
  return {heartbeat, listen};
}

// A KV that may be lost: what the KV of Consul reports after a restart without its data.
class ForgetfulKv final : public Discovery {
 public:
  ForgetfulKv() { inner_.start(nullptr); }
  void start(std::function<void()>) override {}
  void stop() override { inner_.stop(); }
  void post(std::function<void()> work) override { inner_.post(std::move(work)); }
  void register_service(const ServiceRecord&) override {}
  void deregister_service(const std::string&) override {}
  void watch_services(std::vector<std::string>, std::function<void(const std::vector<ServiceRecord>&)>) override {}
  void watch_kv(const std::string& prefix, std::function<void(const KvMap&, bool)> on_change) override {
    inner_.watch_kv(prefix, [this, on_change](const KvMap& map, bool) {
      callback_ = on_change;
      if (!mute_) on_change(map, lost_);
    });
  }
  void unwatch_kv(const std::string& prefix) override { inner_.unwatch_kv(prefix); }
  void get(const std::string& key, Got done) override { inner_.get(key, std::move(done)); }
  void put(const std::string& key, const std::string& value, Done done) override {
    inner_.put(key, value, std::move(done));
  }
  void put_if(const std::string& key, const std::string& value, std::uint64_t version, Done done) override {
    if (refusing_) return inner_.post([done] { done(base::error("Consul cannot be reached")); });
    inner_.put_if(key, value, version, std::move(done));
  }
  void remove(const std::string& key, Done done) override { inner_.remove(key, std::move(done)); }
  [[nodiscard]] State state() const override { return {}; }

  // Empties the KV and reports it as lost.
  void lose(const std::vector<std::string>& keys) {
    run([&] { mute_ = true; });
    for (const auto& key : keys) wait([&](auto done) { inner_.remove(key, done); });
    run([&] {
      mute_ = false;
      lost_ = true;
      callback_({}, true);
    });
  }
  void refuse_writes(bool refuse) {
    run([&] { refusing_ = refuse; });
  }
  // Reports what there is once more, as after an outage.
  void report_again(const KvMap& map) {
    run([&] { callback_(map, false); });
  }

 private:
  template <class Work>
  void run(Work work) {
    std::promise<void> ran;
    inner_.post([&] {
      work();
      ran.set_value();
    });
    ran.get_future().wait();
  }
  template <class Call>
  void wait(Call call) {
    std::promise<void> over;
    call([&](const base::Status&) { over.set_value(); });
    over.get_future().wait();
  }

  EmbeddedDiscovery inner_;
  // Its thread only.
  std::function<void(const KvMap&, bool)> callback_;
  bool mute_ = false;
  bool lost_ = false;
  bool refusing_ = false;
};

template <class Kv>
class Fixture : public testing::Test {
 protected:
  void put(const std::string& key, const std::string& value) {
    std::promise<base::Status> result;
    kv.put(key, value, [&](base::Status s) { result.set_value(std::move(s)); });
    EXPECT_TRUE(result.get_future().get());
  }
  void remove(const std::string& key) {
    std::promise<void> over;
    kv.remove(key, [&](const base::Status&) { over.set_value(); });
    over.get_future().wait();
  }
  std::optional<std::string> get(const std::string& key) {
    std::promise<std::optional<Discovery::KvEntry>> got;
    kv.get(key, [&](auto result) { got.set_value(result.value()); });
    const auto entry = got.get_future().get();
    return entry ? std::optional(entry->value) : std::nullopt;
  }
  bool eventually(const std::string& key, const std::string& value) {
    return stored.wait_for([&](const KvMap& m) { return m.contains(key) && m.at(key).value == value; }).has_value();
  }
  base::Status set(const std::string& path, const std::string& value, bool force = false) {
    std::promise<base::Status> result;
    settings->set(path, value, force, [&](const base::Result<Settings::Written>& done) {
      if (done) written = *done;
      result.set_value(done ? base::Status() : base::Status(done.error()));
    });
    return result.get_future().get();
  }
  void declare(const std::string& instance = "0@dev", SettingValues overrides = {}) {
    settings->declare("agent", instance, agent_fields(), std::move(overrides),
                      [this](const Settings::Change& change) { changes.push(change); });
  }
  std::string value(const std::string& name, const std::string& instance = "0@dev") {
    return settings->values("agent", instance).at(name);
  }
  std::optional<Settings::Change> change_to(const std::string& name, const std::string& value) {
    return changes.wait_for([&](const Settings::Change& c) { return c.values.at(name) == value; });
  }
  // Waits until what discovery had to do is done.
  void settle() {
    std::promise<void> ran;
    kv.post([&] { ran.set_value(); });
    ran.get_future().wait();
  }

  void SetUp() override {
    if constexpr (std::is_same_v<Kv, EmbeddedDiscovery>) kv.start(nullptr);
    kv.watch_kv("cellmesh/", [this](const KvMap& map, bool) { stored.push(map); });
    settings = std::make_unique<Settings>(kv);
  }
  void TearDown() override {
    settings.reset();
    kv.stop();
  }

  test::CapturedLog log{base::Room::discovery};
  Seen<KvMap> stored;
  Seen<Settings::Change> changes;
  Settings::Written written;  // of the last set() that went well
  Kv kv;
  std::unique_ptr<Settings> settings;
};

using SettingsTest = Fixture<EmbeddedDiscovery>;
using LostSettingsTest = Fixture<ForgetfulKv>;

TEST_F(SettingsTest, TheFirstReportHasEveryValueAndNoChange) {
  declare();
  const auto first = changes.wait_for_any();
  EXPECT_EQ(first->values, (SettingValues{{"heartbeat_sec", "5"}, {"listen", "127.0.0.1:0"}}));
  EXPECT_THAT(first->changed, IsEmpty());
}

TEST_F(SettingsTest, AMissingSettingIsWrittenWithItsDefault) {
  declare();
  EXPECT_TRUE(eventually("cellmesh/config/agent/heartbeat_sec", "5"));
  EXPECT_TRUE(eventually("cellmesh/config/agent/listen", "127.0.0.1:0"));
  EXPECT_FALSE(get("cellmesh/config/agent/0@dev/heartbeat_sec"));
}

TEST_F(SettingsTest, AValueThatStandsThereIsNotOverwritten) {
  put("cellmesh/config/agent/heartbeat_sec", "30");
  declare();
  EXPECT_EQ(changes.wait_for_any()->values.at("heartbeat_sec"), "30");
  EXPECT_TRUE(eventually("cellmesh/config/agent/listen", "127.0.0.1:0"));
  EXPECT_EQ(get("cellmesh/config/agent/heartbeat_sec"), "30");
}

TEST_F(SettingsTest, AChangeIsTold) {
  declare();
  EXPECT_TRUE(eventually("cellmesh/config/agent/listen", "127.0.0.1:0"));
  put("cellmesh/config/agent/heartbeat_sec", "07");
  EXPECT_THAT(change_to("heartbeat_sec", "7")->changed, ElementsAre("heartbeat_sec"));
  EXPECT_EQ(value("heartbeat_sec"), "7");
}

TEST_F(SettingsTest, TheInstancesOwnValueWins) {
  declare();
  declare("1@dev");
  put("cellmesh/config/agent/0@dev/heartbeat_sec", "9");
  EXPECT_TRUE(change_to("heartbeat_sec", "9"));
  EXPECT_EQ(value("heartbeat_sec", "1@dev"), "5");
  put("cellmesh/config/agent/heartbeat_sec", "20");
  EXPECT_TRUE(change_to("heartbeat_sec", "20"));
  EXPECT_EQ(value("heartbeat_sec"), "9");
  EXPECT_EQ(value("heartbeat_sec", "1@dev"), "20");
  remove("cellmesh/config/agent/0@dev/heartbeat_sec");
  EXPECT_TRUE(eventually("cellmesh/config/agent/heartbeat_sec", "20"));
  settle();
  EXPECT_EQ(value("heartbeat_sec"), "20");
}

TEST_F(SettingsTest, ABadValueIsRefusedAndTheLastGoodOneStays) {
  declare();
  put("cellmesh/config/agent/heartbeat_sec", "30");
  EXPECT_TRUE(change_to("heartbeat_sec", "30"));
  put("cellmesh/config/agent/heartbeat_sec", "soon");
  settle();
  EXPECT_EQ(value("heartbeat_sec"), "30");
  EXPECT_EQ(settings->rows().at(0).refused, "soon");
  put("cellmesh/config/agent/heartbeat_sec", "31");
  EXPECT_TRUE(change_to("heartbeat_sec", "31"));
  EXPECT_EQ(settings->rows().at(0).refused, "");
}

TEST_F(SettingsTest, ABadValueAtTheStartIsAsIfItWereNotThere) {
  put("cellmesh/config/agent/heartbeat_sec", "30");
  put("cellmesh/config/agent/0@dev/heartbeat_sec", "999999");
  put("cellmesh/config/agent/listen", "\xff");
  declare();
  const auto first = changes.wait_for_any();
  EXPECT_EQ(first->values.at("heartbeat_sec"), "30");
  EXPECT_EQ(first->values.at("listen"), "127.0.0.1:0");
  EXPECT_EQ(get("cellmesh/config/agent/listen"), "\xff");
}

TEST_F(SettingsTest, ARefusalIsToldOnceWithKeyValueAndWhatIsAllowed) {
  declare();
  EXPECT_TRUE(eventually("cellmesh/config/agent/heartbeat_sec", "5"));
  put("cellmesh/config/agent/heartbeat_sec", "so on");
  for (int i = 0; i < 3; ++i) put("cellmesh/config/other", std::to_string(i));
  settle();
  EXPECT_EQ(log.count("setting cellmesh/config/agent/heartbeat_sec refused: \"so on\" is not a whole number from 0 to "
                      "3600; 5 stays in force"),
            1U);
  put("cellmesh/config/agent/heartbeat_sec", "later");
  settle();
  EXPECT_EQ(log.count("later is not a whole number"), 1U);
}

TEST_F(SettingsTest, AnUnknownNameIsWarnedAboutOnceWithWhatWasMeant) {
  put("cellmesh/config/agent/heartbeat_secs", "1");
  put("cellmesh/config/agent/0@dev/listn", "1");
  put("cellmesh/config/agent/7@far/own", "1");  // not this host's
  put("cellmesh/config/hub/anything", "1");     // not this host's
  declare();
  EXPECT_TRUE(changes.wait_for_any());
  for (int i = 0; i < 3; ++i) put("cellmesh/config/agent/heartbeat_sec", std::to_string(i));
  settle();
  EXPECT_EQ(log.count("cellmesh/config/agent/heartbeat_secs is no setting of agent; did you mean \"heartbeat_sec\"?"),
            1U);
  EXPECT_EQ(log.count("cellmesh/config/agent/0@dev/listn is no setting of agent; did you mean \"listen\"?"), 1U);
  EXPECT_EQ(log.count("is no setting of"), 2U);
}

TEST_F(SettingsTest, ADeletedSettingIsItsDefaultAgain) {
  put("cellmesh/config/agent/heartbeat_sec", "30");
  declare();
  EXPECT_TRUE(changes.wait_for_any());
  remove("cellmesh/config/agent/heartbeat_sec");
  EXPECT_TRUE(change_to("heartbeat_sec", "5"));
  EXPECT_TRUE(eventually("cellmesh/config/agent/heartbeat_sec", "5"));
}

TEST_F(SettingsTest, AnOverrideReplacesTheDefaultButNotTheKv) {
  put("cellmesh/config/agent/heartbeat_sec", "30");
  declare("0@dev", {{"heartbeat_sec", "1"}, {"listen", "127.0.0.1:8001"}, {"nonsense", "1"}});
  const auto first = changes.wait_for_any();
  EXPECT_EQ(first->values.at("heartbeat_sec"), "30");
  EXPECT_EQ(first->values.at("listen"), "127.0.0.1:8001");
  EXPECT_EQ(first->values.size(), 2U);
}

TEST_F(SettingsTest, ABadDefaultIsZero) {
  auto fields = agent_fields();
  fields[0].default_value = "4000";
  settings->declare("agent", "0@dev", fields, {}, [this](const auto& c) { changes.push(c); });
  EXPECT_EQ(changes.wait_for_any()->values.at("heartbeat_sec"), "0");
}

TEST_F(SettingsTest, UndeclaredIsSilent) {
  for (int i = 0; i < 50; ++i) {
    auto alive = std::make_unique<std::atomic<int>>(0);
    settings->declare("agent", "0@dev", agent_fields(), {}, [raw = alive.get()](const auto&) { ++*raw; });
    kv.put("cellmesh/config/agent/heartbeat_sec", std::to_string(i), [](const base::Status&) {});
    settings->undeclare("agent", "0@dev");
    alive.reset();
  }
  EXPECT_THAT(settings->values("agent", "0@dev"), IsEmpty());
  EXPECT_THAT(settings->rows(), IsEmpty());
}

TEST_F(SettingsTest, DeclaringAgainTakesTheNewFields) {
  declare();
  EXPECT_TRUE(changes.wait_for_any());
  auto fields = agent_fields();
  fields.pop_back();
  settings->declare("agent", "0@dev", fields, {}, [this](const auto& c) { changes.push(c); });
  EXPECT_TRUE(changes.wait_for([](const Settings::Change& c) { return c.values.size() == 1; }));
}

TEST_F(SettingsTest, RowsTellWhereAValueComesFrom) {
  put("cellmesh/config/agent/0@dev/heartbeat_sec", "9");
  declare();
  EXPECT_TRUE(changes.wait_for_any());
  const auto rows = settings->rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].service + rows[0].instance + rows[0].name, "agent0@devheartbeat_sec");
  EXPECT_EQ(rows[0].value, "9");
  EXPECT_EQ(rows[0].default_value, "5");
  EXPECT_TRUE(rows[0].from_instance_key);
  EXPECT_FALSE(rows[1].from_instance_key);
  EXPECT_TRUE(rows[1].restart);
}

TEST_F(SettingsTest, SetChecksAndWrites) {
  declare();
  EXPECT_TRUE(changes.wait_for_any());
  EXPECT_TRUE(set("agent/heartbeat_sec", "012"));
  EXPECT_EQ(get("cellmesh/config/agent/heartbeat_sec"), "12");
  EXPECT_TRUE(set("agent/0@dev/heartbeat_sec", "13"));
  EXPECT_EQ(get("cellmesh/config/agent/0@dev/heartbeat_sec"), "13");
  EXPECT_TRUE(set("agent/7@far/heartbeat_sec", "14"));
}

TEST_F(SettingsTest, SetRefusesWithTheCure) {
  declare();
  EXPECT_THAT(set("agent/heartbeat_sec", "abc").error().text, HasSubstr("a whole number from 0 to 3600"));
  EXPECT_THAT(set("agent/heartbeat", "1").error().text, HasSubstr("did you mean \"heartbeat_sec\"?"));
  EXPECT_THAT(set("agent/dev/heartbeat_sec", "1").error().text, HasSubstr("index@group"));
  for (const auto* path : {"", "agent", "agent/", "/x", "a/b/c/d", "agent//x"})
    EXPECT_THAT(set(path, "1").error().text, HasSubstr("service/setting"));
}

TEST_F(SettingsTest, SetOfAServiceThatRunsElsewhereMustBeForced) {
  EXPECT_THAT(set("hub/limit", "1").error().text, HasSubstr("hub"));
  EXPECT_TRUE(set("hub/limit", "1", true));
  EXPECT_EQ(get("cellmesh/config/hub/limit"), "1");
}

TEST_F(LostSettingsTest, LostValuesAreKeptAndWrittenBack) {
  put("cellmesh/config/agent/heartbeat_sec", "30");
  put("cellmesh/config/agent/0@dev/heartbeat_sec", "31");
  put("cellmesh/config/game/motd", "hello");  // of a service that no host runs now
  declare();
  EXPECT_TRUE(changes.wait_for_any());
  EXPECT_TRUE(eventually("cellmesh/config/agent/listen", "127.0.0.1:0"));
  const auto before = stored.size();
  kv.lose({"cellmesh/config/agent/heartbeat_sec", "cellmesh/config/agent/0@dev/heartbeat_sec",
           "cellmesh/config/game/motd", "cellmesh/config/agent/listen"});
  const auto back = stored.wait_for([](const KvMap& m) { return m.size() == 4; }, before);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->at("cellmesh/config/agent/heartbeat_sec").value, "30");
  EXPECT_EQ(back->at("cellmesh/config/agent/0@dev/heartbeat_sec").value, "31");
  EXPECT_EQ(back->at("cellmesh/config/game/motd").value, "hello");
  settle();
  EXPECT_EQ(changes.size(), 1U);
  EXPECT_EQ(value("heartbeat_sec"), "31");
}

TEST_F(LostSettingsTest, LostValuesStayUntilTheKvHasThemAgain) {
  put("cellmesh/config/agent/heartbeat_sec", "30");
  declare();
  EXPECT_TRUE(eventually("cellmesh/config/agent/listen", "127.0.0.1:0"));
  kv.refuse_writes(true);
  kv.lose({"cellmesh/config/agent/heartbeat_sec", "cellmesh/config/agent/listen"});
  kv.report_again({});  // discovery waits no longer
  settle();
  EXPECT_EQ(value("heartbeat_sec"), "30");
  EXPECT_FALSE(get("cellmesh/config/agent/heartbeat_sec"));
  kv.refuse_writes(false);
  const auto before = stored.size();
  kv.report_again({});
  EXPECT_TRUE(stored.wait_for(
      [](const KvMap& m) {
        const auto it = m.find("cellmesh/config/agent/heartbeat_sec");
        return it != m.end() && it->second.value == "30";
      },
      before));
  settle();
  EXPECT_EQ(changes.size(), 1U);
}

TEST_F(LostSettingsTest, AWriteThatFailedIsTriedAgainWithTheNextReport) {
  kv.refuse_writes(true);
  declare();
  EXPECT_TRUE(changes.wait_for_any());
  settle();
  settle();
  EXPECT_FALSE(get("cellmesh/config/agent/listen"));
  kv.refuse_writes(false);
  kv.report_again({});
  EXPECT_TRUE(eventually("cellmesh/config/agent/listen", "127.0.0.1:0"));
}

}  // namespace
}  // namespace cm::discovery
