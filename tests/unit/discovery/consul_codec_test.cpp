#include "discovery/consul_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace cm::discovery::consul {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ServiceRecord game() {
  ServiceRecord r;
  r.id = "game#0@dev";
  r.kind = "game";
  r.group = "dev";
  r.index = 0;
  r.mesh = "cellmesh";
  r.host = "0@dev";
  r.boot = "b00t";
  r.link_address = "127.0.0.1:4001";
  r.public_address = "203.0.113.7:9000";
  r.load = 17;
  r.draining = true;
  return r;
}

// What Consul lists once `record` is registered.
std::string listed(const ServiceRecord& record, const ConsulConfig& config = {}) {
  boost::json::object service = boost::json::parse(registration(record, config)).as_object();
  service["Service"] = service["Name"];
  return boost::json::serialize(boost::json::array{boost::json::object{{"Service", service}}});
}

Services services(const std::string& body, const char* kind = "game", const char* mesh = "cellmesh") {
  auto parsed = parse_services(body, kind, mesh);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text);
  return parsed ? *parsed : Services{};
}

TEST(Escape, AnIdBecomesOneWordOfAPath) {
  EXPECT_EQ(escape("game#0@dev"), "game%230%40dev");
  EXPECT_EQ(escape("a/b c?d&e"), "a%2Fb%20c%3Fd%26e");
  EXPECT_EQ(escape_key("cellmesh/config/game/0@dev/x#"), "cellmesh/config/game/0%40dev/x%23");
}

TEST(Registration, WhatIsRegisteredIsFoundAgain) {
  const auto found = services(listed(game()));
  EXPECT_THAT(found.records, ElementsAre(game()));
  EXPECT_THAT(found.refused, IsEmpty());
}

TEST(Registration, NamesAddressTagsAndCheckForConsulsOwnEyes) {
  ConsulConfig config;
  config.mesh = "blue";
  ServiceRecord record = game();
  record.mesh.clear();
  const auto body = boost::json::parse(registration(record, config)).as_object();
  EXPECT_EQ(body.at("Name"), "game");
  EXPECT_EQ(body.at("Address"), "127.0.0.1");
  EXPECT_EQ(body.at("Port"), 4001);
  EXPECT_EQ(body.at("Tags"), (boost::json::value{"cellmesh", "blue"}));
  EXPECT_EQ(body.at("Meta").at("mesh"), "blue");
  EXPECT_EQ(body.at("Check").at("TTL"), "10000ms");
  EXPECT_EQ(body.at("Check").at("Status"), "passing");
}

TEST(ParseServices, OneThatWarnsIsUnhealthyAndOneThatIsCriticalIsDown) {
  const auto with = [](const std::string& service, const std::string& status, const std::string& node = "passing") {
    auto list = boost::json::parse(listed(game()));
    list.at(0).as_object()["Checks"] = {
        {{"CheckID", "serfHealth"}, {"ServiceID", ""}, {"Status", node}, {"Output", "the node"}},
        {{"CheckID", "service:x"}, {"ServiceID", service}, {"Status", status}, {"Output", "its database is away"}}};
    return services(boost::json::serialize(list)).records;
  };
  ServiceRecord sick = game();
  sick.unhealthy = "its database is away";
  EXPECT_THAT(with(game().id, "warning"), ElementsAre(sick));
  EXPECT_THAT(with(game().id, "passing"), ElementsAre(game()));
  EXPECT_THAT(with(game().id, "passing", "warning"), ElementsAre(game())) << "the node's warning is not the service's";
  EXPECT_THAT(with(game().id, "critical"), IsEmpty());
  EXPECT_THAT(with(game().id, "passing", "critical"), IsEmpty());
}

TEST(ParseServices, ServicesOfOtherMeshesAndOtherProgramsAreNotSeen) {
  ServiceRecord other = game();
  other.mesh = "blue";
  EXPECT_THAT(services(listed(other)).records, IsEmpty());
  EXPECT_THAT(services(listed(other), "game", "blue").records, ElementsAre(other));
  const auto foreign = services(R"([{"Service":{"ID":"game","Service":"game","Tags":["web"],"Meta":{}}}])");
  EXPECT_THAT(foreign.records, IsEmpty());
  EXPECT_THAT(foreign.refused, IsEmpty());
}

TEST(ParseServices, ADamagedEntryIsLeftOutAndTheOthersStay) {
  auto bad_id = game();
  bad_id.id = "game#7@dev";
  auto bad_link = game();
  bad_link.link_address = "nowhere";
  auto no_host = game();
  no_host.host.clear();
  auto other_kind = game();
  other_kind.kind = "hub";
  for (const auto& record : {bad_id, bad_link, no_host, other_kind}) {
    auto list = boost::json::parse(listed(record)).as_array();
    list.push_back(boost::json::parse(listed(game())).at(0));
    const auto found = services(boost::json::serialize(list));
    EXPECT_THAT(found.records, ElementsAre(game()));
    EXPECT_EQ(found.refused.size(), 1U);
  }
}

TEST(ParseServices, NothingThatComesIsTrusted) {
  for (const auto* body : {"", "{", "null", "{}", "\"\"", "7", "[", "[}", "[[[[[[[[", "\xff\xfe", "<html>"})
    EXPECT_FALSE(parse_services(body, "game", "cellmesh")) << body;
  for (const auto* body : {"[null]", "[1]", "[{}]", R"([{"Service":null}])", R"([{"Service":[]}])",
                           R"([{"Service":{"Tags":["cellmesh"]}}])", R"([{"Service":{"Tags":["cellmesh"],"Meta":7}}])",
                           R"([{"Service":{"Tags":["cellmesh"],"Meta":{"mesh":"cellmesh"}}}])",
                           R"([{"Service":{"Tags":["cellmesh"],"Meta":{"mesh":"cellmesh","index":"-1"}}}])",
                           R"([{"Service":{"Tags":["cellmesh"],"Meta":{"mesh":"cellmesh","index":0},"ID":{}}}])"}) {
    const auto found = services(body);
    EXPECT_THAT(found.records, IsEmpty()) << body;
    EXPECT_EQ(found.refused.size(), 1U) << body;
  }
  EXPECT_FALSE(parse_services(std::string(10000, '['), "game", "cellmesh"));
}

TEST(ParseServices, AFloodOfDamagedEntriesIsToldInAFewLines) {
  std::string body = "[1";
  for (int i = 0; i < 1000; ++i) body += ",1";
  EXPECT_LE(services(body + "]").refused.size(), 16U);
}

TEST(ParseKv, ValuesAreDecodedWithTheirVersions) {
  const auto map = parse_kv(R"([{"Key":"a/b#c","Value":"eA==","ModifyIndex":12},
                                {"Key":"a/empty","Value":null,"ModifyIndex":13},
                                {"Key":"a/folder/","Value":null,"ModifyIndex":14}])",
                            "a/");
  ASSERT_TRUE(map);
  EXPECT_EQ(*map, (Discovery::KvMap{{"a/b#c", {"x", 12}}, {"a/empty", {"", 13}}}));
}

TEST(ParseKv, ADamagedAnswerIsRefusedWhole) {
  for (const auto* body :
       {"", "{}", "[1]", "[{}]", R"([{"Key":"a/b","Value":"eA=="}])",
        R"([{"Key":"a/b","Value":"eA==","ModifyIndex":-1}])", R"([{"Key":"a/b","Value":"eA==","ModifyIndex":0}])",
        R"([{"Key":"other","Value":"eA==","ModifyIndex":1}])", R"([{"Key":"a/b","Value":"e","ModifyIndex":1}])",
        R"([{"Key":"a/b","Value":"eA=","ModifyIndex":1}])"})
    EXPECT_FALSE(parse_kv(body, "a/")) << body;
}

TEST(Base64, DecodesEveryLengthAndByte) {
  EXPECT_EQ(decode_base64("").value(), "");
  EXPECT_EQ(decode_base64("Zg==").value(), "f");
  EXPECT_EQ(decode_base64("Zm8=").value(), "fo");
  EXPECT_EQ(decode_base64("Zm9v").value(), "foo");
  EXPECT_EQ(decode_base64("AP/+").value(), std::string("\x00\xff\xfe", 3));
  for (const auto* bad : {"Zg", "Zg=", "Z===", "====", "Zm9!", "Z=m9", "Zg==Zg=="})
    EXPECT_FALSE(decode_base64(bad)) << bad;
}

TEST(Index, WhatIsNoNumberIsZero) {
  EXPECT_EQ(parse_index("42"), 42U);
  for (const auto* bad : {"", "-1", "x", "1x", "99999999999999999999999"}) EXPECT_EQ(parse_index(bad), 0U);
}

}  // namespace
}  // namespace cm::discovery::consul
