#include "routing/route_table.hpp"

#include <gtest/gtest.h>

namespace cm::routing {
namespace {

ServiceRoutes game() {
  return {"game", "1.0.0", {{29052, "proto.ChatREQ", RouteMode::auth}, {13457, "proto.VerifyREQ", RouteMode::pass}}};
}

TEST(ServiceRoutes, JsonComesBackAsItWas) {
  const auto back = ServiceRoutes::parse("game", game().to_json());
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, game());
  const auto edited = ServiceRoutes::parse("game", "\xef\xbb\xbf\r\n" + game().to_json() + "\r\n");
  ASSERT_TRUE(edited) << "a person saved it";
  EXPECT_EQ(*edited, game());
}

TEST(ServiceRoutes, ABrokenValueIsRefusedNamingThePlace) {
  for (const auto& [text, word] : std::vector<std::pair<std::string, std::string>>{
           {"", "JSON"},
           {"{", "JSON"},
           {"[]", "rules"},
           {R"({"rules":{}})", "rules"},
           {R"({"rules":[1]})", "rule 1"},
           {R"({"rules":[{"id":0,"mode":"auth"}]})", "1 to 65535"},
           {R"({"rules":[{"id":65536,"mode":"auth"}]})", "1 to 65535"},
           {R"({"rules":[{"id":5,"mode":"maybe"}]})", "pass"},
           {R"({"rules":[{"id":5,"mode":"auth"},{"id":5,"mode":"auth"}]})", "twice"},
           {R"({"version":1,"rules":[]})", "version"},
       }) {
    const auto routes = ServiceRoutes::parse("game", text);
    ASSERT_FALSE(routes) << text;
    EXPECT_NE(routes.error().text.find(word), std::string::npos) << routes.error().text;
  }
}

TEST(Routes, AMessageWithoutARuleIsBlocked) {
  Names names;
  Routes routes(names);
  ASSERT_TRUE(routes.set(game()));
  EXPECT_EQ((*routes.table()).find(29052).mode, RouteMode::auth);
  EXPECT_EQ(names.kind_name((*routes.table()).find(29052).kind), "game");
  EXPECT_EQ((*routes.table()).find(1).mode, RouteMode::blocked);
}

TEST(Routes, ACollisionIsRefusedNamingBothAndTheOldOnesStay) {
  Names names;
  Routes routes(names);
  ASSERT_TRUE(routes.set(game()));
  const auto status = routes.set({"rps", "1.0.0", {{29052, "rps.PlayREQ", RouteMode::auth}}});
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().text.find("proto.ChatREQ"), std::string::npos);
  EXPECT_NE(status.error().text.find("rps.PlayREQ"), std::string::npos);
  EXPECT_EQ(names.kind_name((*routes.table()).find(29052).kind), "game");
}

TEST(Routes, AChangeIsSeenByAViewAndTheOldTableStaysWhole) {
  Names names;
  Routes routes(names);
  Routes::View view(routes);
  const auto before = routes.table();
  EXPECT_EQ(view.get().find(29052).mode, RouteMode::blocked);
  ASSERT_TRUE(routes.set(game()));
  EXPECT_EQ(view.get().find(29052).mode, RouteMode::auth);
  EXPECT_EQ(before->find(29052).mode, RouteMode::blocked);
  routes.remove("game");
  EXPECT_EQ(view.get().find(29052).mode, RouteMode::blocked);
}

TEST(Routes, SetAllSkipsOnlyTheServiceThatCollides) {
  Names names;
  Routes routes(names);
  std::vector<std::string> refused;
  routes.set_all({game(),
                  {"bad", "1.0.0", {{29052, "bad.X", RouteMode::pass}}},
                  {"echo", "1.0.0", {{3323, "proto.EchoREQ", RouteMode::auth}}}},
                 refused);
  EXPECT_EQ(refused.size(), 1U);
  EXPECT_EQ(names.kind_name((*routes.table()).find(29052).kind), "game");
  EXPECT_EQ((*routes.table()).find(3323).mode, RouteMode::auth);
}

}  // namespace
}  // namespace cm::routing
