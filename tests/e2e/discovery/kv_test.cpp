#include "discovery/settings.hpp"
#include "e2e/discovery/fixture.hpp"
#include "support/consul.hpp"

namespace cm::discovery {
namespace {

using test::ConsulServer;
using testing::HasSubstr;

class KvTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(node.ready.wait_for_any()); }

  ConsulServer consul;
  Node node{patient(consul.url())};
};

TEST_F(KvTest, AWriteIsReadBackWithItsVersion) {
  EXPECT_FALSE(node.get("t/a").value());
  EXPECT_TRUE(node.put("t/a", "1"));
  const auto first = node.get("t/a").value();
  EXPECT_EQ(first->value, "1");
  EXPECT_NE(first->version, 0U);
  EXPECT_EQ(consul.kv_get("t/a"), "1");
  EXPECT_TRUE(node.remove("t/a"));
  EXPECT_FALSE(node.get("t/a").value());
  EXPECT_TRUE(node.remove("t/a"));
}

TEST_F(KvTest, AnyKeyAndAnyBytesPass) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (const std::string key : {"t/game#0@dev/x", "t/a b", "t/100%", "t/?x=1&y", "t/gr\xc3\xbc\xc3\x9f\x65", "t/+"}) {
    EXPECT_TRUE(node.put(key, bytes)) << key;
    EXPECT_EQ(node.get(key).value()->value, bytes) << key;
  }
  EXPECT_TRUE(node.put("t/empty", ""));
  EXPECT_EQ(node.get("t/empty").value()->value, "");
}

TEST_F(KvTest, TheLargestValuePassesAndALargerOneIsRefused) {
  const std::string largest(512U << 10U, 'x');
  EXPECT_TRUE(node.put("t/big", largest));
  EXPECT_EQ(node.get("t/big").value()->value, largest);
  EXPECT_THAT(node.put("t/big", largest + "x").error().text, HasSubstr("at most 524288"));
}

TEST_F(KvTest, CheckAndSetWritesOnlyWhatIsUnchanged) {
  EXPECT_TRUE(node.put_if("t/a", "1", 0));
  EXPECT_THAT(node.put_if("t/a", "2", 0).error().text, HasSubstr(std::string(kChangedMeanwhile)));
  const auto version = node.get("t/a").value()->version;
  EXPECT_TRUE(node.put_if("t/a", "2", version));
  EXPECT_FALSE(node.put_if("t/a", "3", version));
  EXPECT_EQ(consul.kv_get("t/a"), "2");
}

TEST_F(KvTest, RequestsOfOneCallerAreDoneInOrder) {
  for (int i = 0; i < 200; ++i) node.discovery->put("t/a", std::to_string(i), [](const base::Status&) {});
  EXPECT_EQ(node.get("t/a").value()->value, "199");
}

TEST_F(KvTest, AWatchSeesAHandsWriteAndItsDeletion) {
  consul.kv_put("t/a", "0");
  node.watch_kv("t/");
  ASSERT_TRUE(node.sees_value("t/a", "0"));
  consul.kv_put("t/a", "1");
  EXPECT_TRUE(node.sees_value("t/a", "1"));
  consul.kv_put("t/b", "2");
  EXPECT_TRUE(node.sees_value("t/b", "2"));
  const auto before = node.kv.size();
  consul.kv_delete("t/", true);
  const auto gone = node.kv.wait_for([](const Node::Kv& k) { return k.map.empty(); }, before);
  ASSERT_TRUE(gone);
  EXPECT_FALSE(gone->lost);
}

TEST_F(KvTest, AnEmptyPrefixIsReportedAndThenFilled) {
  node.watch_kv("t/");
  EXPECT_TRUE(node.kv.wait_for_any()->map.empty());
  consul.kv_put("t/a", "1");
  EXPECT_TRUE(node.sees_value("t/a", "1"));
  consul.kv_put("other/a", "1");
  consul.kv_put("t/a", "2");
  EXPECT_TRUE(node.sees_value("t/a", "2"));
  for (const auto& seen : node.kv.all()) EXPECT_FALSE(seen.map.contains("other/a"));
}

TEST_F(KvTest, AfterUnwatchNoCallbackRuns) {
  for (int i = 0; i < 20; ++i) {
    auto seen = std::make_unique<Seen<int>>();
    node.discovery->watch_kv("t/", [raw = seen.get()](const KvMap&, bool) { raw->push(1); });
    if (i % 2 == 0) {
      EXPECT_TRUE(seen->wait_for_any());
    }
    node.discovery->put("t/a", std::to_string(i), [](const base::Status&) {});
    node.discovery->unwatch_kv("t/");
    seen.reset();  // a callback that ran now would touch freed memory
  }
  EXPECT_TRUE(node.put("t/a", "end"));
}

TEST_F(KvTest, EverythingDeletedByHandIsNoLoss) {
  node.watch_kv("cellmesh/config/");
  consul.kv_put("cellmesh/config/a/b", "1");
  ASSERT_TRUE(node.sees_value("cellmesh/config/a/b", "1"));
  const auto before = node.kv.size();
  consul.kv_delete("", true);  // the key that tells Consul's incarnation too
  EXPECT_TRUE(node.kv.wait_for([](const Node::Kv& k) { return k.map.empty(); }, before));
  ASSERT_TRUE(eventually([&] { return consul.kv_get("cellmesh/incarnation").has_value(); }));
  for (const auto& seen : node.kv.all()) EXPECT_FALSE(seen.lost);
}

TEST_F(KvTest, ASettingChangedInConsulIsInForceOnEveryHost) {
  Node other(patient(consul.url()));
  SettingField field;
  field.name = "heartbeat_sec";
  field.number = 1;
  field.type = SettingType::int32;
  field.default_value = "5";
  Seen<std::string> here;
  Seen<std::string> there;
  Settings a(*node.discovery);
  Settings b(*other.discovery);
  a.declare("agent", "0@dev", {field}, {}, [&](const auto& c) { here.push(c.values.at("heartbeat_sec")); });
  b.declare("agent", "1@dev", {field}, {}, [&](const auto& c) { there.push(c.values.at("heartbeat_sec")); });
  ASSERT_TRUE(here.wait_for_any());
  ASSERT_TRUE(there.wait_for_any());
  ASSERT_TRUE(eventually([&] { return consul.kv_get("cellmesh/config/agent/heartbeat_sec") == "5"; }));
  consul.kv_put("cellmesh/config/agent/heartbeat_sec", "30\n");
  EXPECT_TRUE(here.wait_for([](const std::string& v) { return v == "30"; }));
  EXPECT_TRUE(there.wait_for([](const std::string& v) { return v == "30"; }));
  consul.kv_put("cellmesh/config/agent/heartbeat_sec", "often");
  consul.kv_put("cellmesh/config/agent/1@dev/heartbeat_sec", "7");
  EXPECT_TRUE(there.wait_for([](const std::string& v) { return v == "7"; }));
  EXPECT_EQ(here.all(), (std::vector<std::string>{"5", "30"}));
}

}  // namespace
}  // namespace cm::discovery
