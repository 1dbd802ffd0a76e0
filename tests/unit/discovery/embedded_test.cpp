#include "discovery/embedded.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "support/seen.hpp"

namespace cm::discovery {
namespace {

using test::Seen;
using testing::ElementsAre;
using testing::HasSubstr;
using KvMap = Discovery::KvMap;

ServiceRecord service(const std::string& kind, std::uint32_t index) {
  ServiceRecord r;
  r.kind = kind;
  r.index = index;
  r.group = "dev";
  r.id = kind + "#" + std::to_string(index) + "@dev";
  return r;
}

std::vector<std::string> ids(const std::vector<ServiceRecord>& records) {
  std::vector<std::string> out;
  for (const auto& r : records) out.push_back(r.id);
  return out;
}

class EmbeddedTest : public testing::Test {
 protected:
  void SetUp() override { discovery.start(nullptr); }
  void TearDown() override { discovery.stop(); }

  base::Status put(const std::string& key, const std::string& value) {
    return outcome([&](auto done) { discovery.put(key, value, done); });
  }
  base::Status put_if(const std::string& key, const std::string& value, std::uint64_t version) {
    return outcome([&](auto done) { discovery.put_if(key, value, version, done); });
  }
  base::Status remove(const std::string& key) {
    return outcome([&](auto done) { discovery.remove(key, done); });
  }
  std::optional<Discovery::KvEntry> get(const std::string& key) {
    std::promise<std::optional<Discovery::KvEntry>> got;
    discovery.get(key, [&](auto result) { got.set_value(result.value()); });
    return got.get_future().get();
  }
  template <class Call>
  static base::Status outcome(Call call) {
    std::promise<base::Status> result;
    call([&](base::Status status) { result.set_value(std::move(status)); });
    return result.get_future().get();
  }

  EmbeddedDiscovery discovery;
};

TEST_F(EmbeddedTest, IsReadyOnceAndSaysSo) {
  EmbeddedDiscovery fresh;
  EXPECT_FALSE(fresh.state().reachable);
  Seen<int> ready;
  fresh.start([&] { ready.push(1); });
  EXPECT_TRUE(ready.wait_for_any());
  EXPECT_TRUE(fresh.state().reachable);
  EXPECT_EQ(fresh.state().kind, "embedded");
  fresh.stop();
  EXPECT_EQ(ready.size(), 1U);
  EXPECT_FALSE(fresh.state().reachable);
}

TEST_F(EmbeddedTest, AWriteIsReadBackWithItsVersion) {
  EXPECT_FALSE(get("a"));
  EXPECT_TRUE(put("a", "1"));
  const auto first = get("a");
  EXPECT_EQ(first->value, "1");
  EXPECT_NE(first->version, 0U);
  EXPECT_TRUE(put("a", "2"));
  EXPECT_GT(get("a")->version, first->version);
  EXPECT_TRUE(remove("a"));
  EXPECT_FALSE(get("a"));
}

TEST_F(EmbeddedTest, CheckAndSetWritesOnlyWhatIsUnchanged) {
  EXPECT_TRUE(put_if("a", "1", 0));
  const auto late = put_if("a", "x", 0);
  EXPECT_THAT(late.error().text, HasSubstr(std::string(kChangedMeanwhile)));
  const auto version = get("a")->version;
  EXPECT_TRUE(put_if("a", "2", version));
  EXPECT_FALSE(put_if("a", "3", version));
  EXPECT_EQ(get("a")->value, "2");
  EXPECT_FALSE(put_if("b", "1", 7));
  EXPECT_FALSE(get("b"));
}

TEST_F(EmbeddedTest, AKeyThatTheKvDoesNotTakeIsRefused) {
  EXPECT_THAT(put("a//b", "1").error().text, HasSubstr("a//b"));
  EXPECT_FALSE(put("a", std::string(600'000, 'x')));
}

TEST_F(EmbeddedTest, AWatchSeesItsPrefixWholeAndInOrder) {
  Seen<KvMap> seen;
  EXPECT_TRUE(put("p/a", "0"));
  discovery.watch_kv("p/", [&](const KvMap& map, bool lost) {
    EXPECT_FALSE(lost);
    seen.push(map);
  });
  EXPECT_TRUE(put("q/other", "x"));
  for (int i = 1; i <= 20; ++i) EXPECT_TRUE(put("p/a", std::to_string(i)));
  EXPECT_TRUE(put("p/b", "end"));
  const auto last = seen.wait_for([](const KvMap& m) { return m.size() == 2; });
  ASSERT_TRUE(last);
  EXPECT_EQ(last->at("p/a").value, "20");
  int before = -1;
  for (const KvMap& map : seen.all()) {
    EXPECT_FALSE(map.contains("q/other"));
    EXPECT_GE(std::stoi(map.at("p/a").value), before);
    before = std::stoi(map.at("p/a").value);
  }
}

TEST_F(EmbeddedTest, AnEmptyPrefixIsReportedToo) {
  Seen<KvMap> seen;
  discovery.watch_kv("nothing/", [&](const KvMap& map, bool) { seen.push(map); });
  EXPECT_TRUE(seen.wait_for_any()->empty());
}

TEST_F(EmbeddedTest, ASecondWatchOfAPrefixReplacesTheFirst) {
  Seen<KvMap> first;
  Seen<KvMap> second;
  discovery.watch_kv("p/", [&](const KvMap& map, bool) { first.push(map); });
  EXPECT_TRUE(first.wait_for_any());
  discovery.watch_kv("p/", [&](const KvMap& map, bool) { second.push(map); });
  const auto before = first.size();
  EXPECT_TRUE(put("p/a", "1"));
  EXPECT_TRUE(second.wait_for([](const KvMap& m) { return !m.empty(); }));
  EXPECT_EQ(first.size(), before);
}

TEST_F(EmbeddedTest, AfterUnwatchNoCallbackRuns) {
  for (int i = 0; i < 50; ++i) {
    auto alive = std::make_unique<std::atomic<int>>(0);
    discovery.watch_kv("p/", [raw = alive.get()](const KvMap&, bool) { ++*raw; });
    discovery.put("p/a", std::to_string(i), [](const base::Status&) {});
    discovery.put("p/b", std::to_string(i), [](const base::Status&) {});
    discovery.unwatch_kv("p/");
    alive.reset();  // a callback that ran now would touch freed memory
  }
  EXPECT_TRUE(put("p/c", "1"));
}

TEST_F(EmbeddedTest, UnwatchFromWithinItsCallbackDoesNotDeadlock) {
  Seen<int> seen;
  discovery.watch_kv("p/", [&](const KvMap&, bool) {
    discovery.unwatch_kv("p/");
    seen.push(1);
  });
  EXPECT_TRUE(seen.wait_for_any());
  EXPECT_TRUE(put("p/a", "1"));
  EXPECT_EQ(seen.size(), 1U);
}

TEST_F(EmbeddedTest, ACallbackMayCallBack) {
  Seen<base::Status> done;
  discovery.watch_kv("p/", [&](const KvMap& map, bool) {
    if (map.empty()) discovery.put_if("p/a", "1", 0, [&](base::Status s) { done.push(std::move(s)); });
  });
  EXPECT_TRUE(done.wait_for_any()->has_value());
}

TEST_F(EmbeddedTest, WatchedKindsAreReportedWholeAtEachChange) {
  Seen<std::vector<std::string>> seen;
  discovery.register_service(service("game", 0));
  discovery.watch_services({"game", "hub"}, [&](const auto& records) { seen.push(ids(records)); });
  EXPECT_TRUE(seen.wait_for([](const auto& s) { return s == std::vector<std::string>{"game#0@dev"}; }));
  discovery.register_service(service("hub", 0));
  discovery.register_service(service("echo", 0));
  EXPECT_TRUE(seen.wait_for([](const auto& s) { return s == std::vector<std::string>{"game#0@dev", "hub#0@dev"}; }));
  EXPECT_EQ(discovery.state().registered, 3U);
  discovery.deregister_service("game#0@dev");
  EXPECT_TRUE(seen.wait_for([](const auto& s) { return s == std::vector<std::string>{"hub#0@dev"}; }));
}

TEST_F(EmbeddedTest, NoServiceIsReportedToo) {
  Seen<std::vector<std::string>> seen;
  discovery.watch_services({"game"}, [&](const auto& records) { seen.push(ids(records)); });
  EXPECT_TRUE(seen.wait_for_any()->empty());
}

TEST_F(EmbeddedTest, AnotherSetOfKindsReplacesTheFirst) {
  Seen<std::vector<std::string>> seen;
  discovery.register_service(service("game", 0));
  discovery.register_service(service("hub", 0));
  discovery.watch_services({"game"}, [](const auto&) {});
  discovery.watch_services({"hub"}, [&](const auto& records) { seen.push(ids(records)); });
  EXPECT_THAT(*seen.wait_for_any(), ElementsAre("hub#0@dev"));
}

TEST_F(EmbeddedTest, OneRequestTooManyIsRefusedAtOnce) {
  std::promise<void> go;
  const auto wait = go.get_future().share();
  discovery.post([wait] { wait.wait(); });
  std::atomic<int> good{0};
  for (int i = 0; i < 1024; ++i) discovery.get("a", [&](const auto& got) { good += got ? 1 : 0; });
  bool refused = false;
  const auto here = std::this_thread::get_id();
  discovery.put("a", "1", [&](const base::Status& status) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_THAT(status.error().text, HasSubstr("1024"));
    refused = true;
  });
  EXPECT_TRUE(refused);
  go.set_value();
  EXPECT_TRUE(put("a", "1") || true);
  Seen<int> end;
  discovery.post([&] { end.push(1); });
  EXPECT_TRUE(end.wait_for_any());
  EXPECT_EQ(good, 1024);
}

TEST_F(EmbeddedTest, StopFinishesWhatWasAskedAndThenIsSilent) {
  std::atomic<int> finished{0};
  for (int i = 0; i < 100; ++i) discovery.put("a" + std::to_string(i), "1", [&](const base::Status&) { ++finished; });
  discovery.stop();
  EXPECT_EQ(finished, 100);
  discovery.put("a", "1", [&](const base::Status&) { ++finished; });
  discovery.post([&] { ++finished; });
  EXPECT_EQ(finished, 100);
  EXPECT_EQ(discovery.state().registered, 0U);
}

TEST_F(EmbeddedTest, ManyThreadsAtOnceLoseNothing) {
  Seen<KvMap> seen;
  discovery.watch_kv("n/", [&](const KvMap& map, bool) { seen.push(map); });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string name = std::to_string(t) + "-" + std::to_string(i);
        EXPECT_TRUE(put("n/" + name, "1"));
        discovery.register_service(service("game", static_cast<std::uint32_t>(t * 100 + i)));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(seen.wait_for([](const KvMap& m) { return m.size() == 200; }));
  EXPECT_EQ(discovery.state().registered, 200U);
}

}  // namespace
}  // namespace cm::discovery
