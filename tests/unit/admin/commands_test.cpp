#include "admin/commands.hpp"

#include <future>
#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/log.hpp"
#include "cellmesh/abi/clients.h"
#include "discovery/embedded.hpp"

namespace cm::admin {
namespace {

namespace json = boost::json;
using routing::Delivery;
using routing::Envelope;
using testing::ElementsAre;
using testing::HasSubstr;

// The sessions of a frontend, as far as a kick goes.
struct FakeClients : routing::Destination {
  Delivery deliver(const Envelope& envelope) override {
    kicked.push_back({envelope.client.session, envelope.status,
                      std::string(reinterpret_cast<const char*>(envelope.body.data()), envelope.body.size())});
    return answer;
  }
  struct Kick {
    std::uint64_t session = 0;
    std::int32_t reason = 0;
    std::string text;
    bool operator==(const Kick&) const = default;
  };
  std::vector<Kick> kicked;
  Delivery answer = Delivery::sent;
};

struct CommandsTest : testing::Test {
  CommandsTest() {
    std::promise<void> ready;
    discovery.start([&] { ready.set_value(); });
    ready.get_future().wait();
    add("agent#0@dev", "", clients, true);
    add("game#0@dev", "", nullptr, false);
    add("game#1@dev", "1@dev", nullptr, false);
    registry.set_load(names.service("game#0@dev"), 7, 60'000);
  }
  ~CommandsTest() override { discovery.stop(); }

  void add(const std::string& id, const std::string& host, std::shared_ptr<routing::Destination> frontend,
           bool gateway) {
    routing::ServiceEntry entry;
    entry.ref = names.service(id);
    entry.kind = names.kind_of(entry.ref);
    entry.host = host;
    entry.gateway = gateway;
    entry.public_address = frontend != nullptr ? "127.0.0.1:4000" : "";
    entry.mailbox = std::make_shared<FakeClients>();
    entry.clients = std::move(frontend);
    ASSERT_TRUE(registry.put(entry).has_value());
  }
  void declare_heartbeat() {
    discovery::SettingField field;
    field.name = "heartbeat_sec";
    field.type = discovery::SettingType::int32;
    field.default_value = "0";
    field.min = 0;
    field.max = 3600;
    field.help = "Seconds.";
    declare(field);
  }
  void declare(const discovery::SettingField& field) {
    std::promise<void> first;
    settings.declare("agent", "0@dev", {field}, {}, [&, told = false](const discovery::Settings::Change&) mutable {
      if (!std::exchange(told, true)) first.set_value();
    });
    first.get_future().wait();
  }

  base::Result<json::value> ask(std::string_view command, const char* args = "{}") {
    std::promise<base::Result<json::value>> answer;
    const auto handler = commands.find(command);
    EXPECT_NE(handler, commands.end()) << command;
    handler->second(json::parse(args).as_object(),
                    [&](base::Result<json::value> result) { answer.set_value(std::move(result)); });
    auto future = answer.get_future();
    EXPECT_EQ(future.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    return future.get();
  }
  std::string refusal(std::string_view command, const char* args = "{}") {
    const auto answer = ask(command, args);
    EXPECT_TRUE(answer.has_error()) << command << args;
    return answer.has_error() ? answer.error().text : "";
  }

  std::shared_ptr<FakeClients> clients = std::make_shared<FakeClients>();
  routing::Names names;
  routing::Registry registry{names};
  routing::Routes routes{names};
  discovery::EmbeddedDiscovery discovery;
  discovery::Settings settings{discovery};
  std::vector<std::string> done_to;  // what was loaded, unloaded, pushed
  Handlers commands = make_commands(
      {.registry = registry,
       .routes = routes,
       .settings = settings,
       .discovery = discovery,
       .status =
           [] {
             return json::object{{"host", "0@dev"}};
           },
       .links =
           [] {
             return json::array{json::object{{"host", "1@dev"}}};
           },
       .plugins =
           [] {
             return json::array{json::object{{"name", "agent"}}};
           },
       .clients =
           [](const std::string& agent, std::size_t limit, const auto& done) {
             if (agent == "nobody") return done(base::error("nobody has no frontend"));
             done(Sources::ClientPage{{json::object{{"client", agent + "/" + std::to_string(limit)}}}, 12});
           },
       .push_routes =
           [this](const routing::ServiceRoutes& pushed, const discovery::Discovery::Done& done) {
             done_to.push_back(pushed.service + pushed.to_json());
             done({});
           },
       .plugin_routes = [](const std::string& service) -> std::optional<routing::ServiceRoutes> {
         if (service != "chat") return std::nullopt;
         return routing::ServiceRoutes{"chat", "2.0.0", {{5, "proto.X", routing::RouteMode::pass}}};
       },
       .load =
           [this](const std::string& name, const discovery::Discovery::Done& done) {
             done_to.push_back("load " + name);
             done(name == "bad" ? base::Status(base::error("bad is no plugin")) : base::Status());
           },
       .unload =
           [this](const std::string& name, const discovery::Discovery::Done& done) {
             done_to.push_back("unload " + name);
             done({});
           },
       .reload =
           [this](const std::string& name, const std::string& file, const Sources::Reloaded& done) {
             done_to.push_back("reload " + name + " " + file);
             done({{"ok", name != "bad"}, {"plugin", name}});
           },
       .rollback =
           [this](const std::string& name, const Sources::Reloaded& done) {
             done_to.push_back("rollback " + name);
             done({{"ok", true}, {"plugin", name}});
           }});
};

TEST_F(CommandsTest, AReloadAnswersWithItsReport) {
  EXPECT_EQ(ask("reload", R"({"name":"chat","file":"/tmp/chat.so"})")->at("ok"), true);
  EXPECT_EQ(ask("reload", R"({"name":"bad"})")->at("ok"), false);
  EXPECT_EQ(ask("rollback", R"({"name":"chat"})")->at("plugin"), "chat");
  EXPECT_THAT(ask("reload", "{}").error().text, HasSubstr("\"name\" is missing"));
  EXPECT_THAT(done_to, ElementsAre("reload chat /tmp/chat.so", "reload bad ", "rollback chat"));
}

TEST_F(CommandsTest, StatusSaysWhatTheHostIsAndHowDiscoveryFares) {
  const json::object status = ask("status")->as_object();
  EXPECT_EQ(status.begin()->key(), "host");
  EXPECT_EQ(status.at("services"), 3);
  EXPECT_EQ(status.at("discovery").as_object().at("kind"), "embedded");
}

TEST_F(CommandsTest, ServicesAreListedWithTheirLoadWhereItIsKnown) {
  const json::array all = ask("services")->as_array();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(
      json::serialize(all[0]),
      R"({"id":"agent#0@dev","kind":"agent","host":null,"users":null,"address":"127.0.0.1:4000","gateway":true,"draining":false,"unhealthy":null})");
  EXPECT_EQ(all[1].at("users").to_number<int>(), 7);
  EXPECT_EQ(all[2].at("host"), "1@dev");
  EXPECT_EQ(ask("services", R"({"kind":"game"})")->as_array().size(), 2U);
  EXPECT_THAT(refusal("services", R"({"kind":7})"), HasSubstr("\"kind\" must be a text"));
}

TEST_F(CommandsTest, LinksAndPluginsAreTheGatewaysOwnWords) {
  EXPECT_EQ(json::serialize(ask("links").value()), R"([{"host":"1@dev"}])");
  EXPECT_EQ(json::serialize(ask("plugins").value()), R"([{"name":"agent"}])");
}

TEST_F(CommandsTest, ClientsAreAPage) {
  EXPECT_EQ(json::serialize(ask("clients").value()), R"({"total":12,"clients":[{"client":"/100"}]})");
  EXPECT_EQ(json::serialize(ask("clients", R"({"agent":"a","limit":5})").value()),
            R"({"total":12,"clients":[{"client":"a/5"}]})");
  EXPECT_EQ(refusal("clients", R"({"agent":"nobody"})"), "nobody has no frontend");
  for (const char* bad : {R"({"limit":0})", R"({"limit":-1})", R"({"limit":"x"})", R"({"limit":1e9})"}) {
    EXPECT_THAT(refusal("clients", bad), HasSubstr("\"limit\" must be a number from 1"));
  }
}

TEST_F(CommandsTest, ASettingIsShownAndSet) {
  declare_heartbeat();
  EXPECT_EQ(
      json::serialize(ask("settings.get", R"({"prefix":"agent/"})").value()),
      R"([{"path":"agent/heartbeat_sec","instance":"0@dev","value":"0","default":"0","restart":false,"running":null,"secret":false,"refused":null,"why":null,"help":"Seconds."}])");
  EXPECT_EQ(ask("settings.set", R"({"path":"agent/heartbeat_sec","value":"5"})").value(),
            "agent/heartbeat_sec is \"5\" now");
  EXPECT_TRUE(ask("settings.set", R"({"path":"agent/0@dev/heartbeat_sec","value":6})").has_value())
      << "a number is as good as its text";
  EXPECT_THAT(refusal("settings.get", R"({"prefix":"zebra"})"), HasSubstr("no setting that begins with \"zebra\""));
}

TEST_F(CommandsTest, ASettingThatIsReadAtStartOnlySaysSo) {
  discovery::SettingField port;
  port.name = "port";
  port.type = discovery::SettingType::uint32;
  port.default_value = "8000";
  port.restart = true;
  declare(port);
  EXPECT_EQ(ask("settings.set", R"({"path":"agent/port","value":"8000"})").value(),
            "agent/port is \"8000\", as agent#0@dev runs already; after restart of each on other hosts: it is read at "
            "start only");
  EXPECT_EQ(
      ask("settings.set", R"({"path":"agent/port","value":"9000"})").value(),
      "agent/port is \"9000\" after restart of agent#0@dev, and of each agent on other hosts: it is read at start "
      "only; restart the host, or unload and load the plugin");
  EXPECT_EQ(ask("settings.set", R"({"path":"agent/0@dev/port","value":"9000"})").value(),
            "agent/0@dev/port is \"9000\" after restart of agent#0@dev: it is read at start only; restart the host, or "
            "unload and load the plugin");
  EXPECT_EQ(ask("settings.set", R"({"path":"agent/1@dev/port","value":"9000"})").value(),
            "agent/1@dev/port is \"9000\" after restart of the services that it is for: it is read at start only");
}

TEST_F(CommandsTest, ABadSettingIsRefused) {
  declare_heartbeat();
  refusal("settings.set", R"({"path":"agent/heartbeat_sec","value":"99999"})");
  refusal("settings.set", R"({"path":"agent/zebra","value":"1"})");
  EXPECT_THAT(refusal("settings.set", R"({"value":"1"})"), HasSubstr("\"path\" is missing"));
  EXPECT_THAT(refusal("settings.set", R"({"path":"agent/heartbeat_sec"})"), HasSubstr("\"value\" is missing"));
}

TEST_F(CommandsTest, RoutesAreShownAsTheyArePushed) {
  ASSERT_TRUE(routes.set({"game", "1.0.0", {{29052, "proto.ChatREQ", routing::RouteMode::auth}}}).has_value());
  const char* shown =
      R"({"service":"game","version":"1.0.0","rules":[{"id":29052,"message":"proto.ChatREQ","mode":"auth"}]})";
  EXPECT_EQ(json::serialize(ask("routes.show").value()), "[" + std::string(shown) + "]");
  EXPECT_THAT(refusal("routes.show", R"({"service":"zebra"})"), HasSubstr("no routes to \"zebra\""));
  EXPECT_EQ(ask("routes.push", shown).value(), "1 routes to game are pushed");
  EXPECT_THAT(done_to, ElementsAre(HasSubstr("29052")));
}

TEST_F(CommandsTest, RoutesOfALoadedPluginArePushedByName) {
  EXPECT_TRUE(ask("routes.push", R"({"service":"chat"})").has_value());
  EXPECT_THAT(done_to, ElementsAre(HasSubstr("2.0.0")));
  EXPECT_THAT(refusal("routes.push", R"({"service":"zebra"})"),
              HasSubstr("no plugin that is loaded here provides \"zebra\""));
}

TEST_F(CommandsTest, BadRoutesAreNotPushed) {
  ASSERT_TRUE(routes.set({"game", "1.0.0", {{29052, "proto.ChatREQ", routing::RouteMode::auth}}}).has_value());
  EXPECT_THAT(refusal("routes.push", R"({"service":"other","rules":[{"id":29052,"message":"x.Y","mode":"pass"}]})"),
              HasSubstr("id 29052 of x.Y is that of proto.ChatREQ of service \"game\" already"));
  refusal("routes.push", R"({"service":"other","rules":[{"id":0,"message":"x.Y","mode":"pass"}]})");
  refusal("routes.push", R"({"service":"other","rules":7})");
  EXPECT_THAT(refusal("routes.push", R"({"service":"a/b","rules":[]})"), HasSubstr("is no kind of service"));
  EXPECT_THAT(refusal("routes.push"), HasSubstr("\"service\" is missing"));
  EXPECT_TRUE(done_to.empty());
}

TEST_F(CommandsTest, AKickClosesTheClientWithItsText) {
  EXPECT_TRUE(ask("kick", R"({"client":"agent#0@dev/17","text":"be nice"})").has_value());
  EXPECT_TRUE(ask("kick", R"({"client":"18"})").has_value()) << "the only gateway needs no name";
  EXPECT_THAT(clients->kicked, ElementsAre(FakeClients::Kick{17, CM_CLOSE_KICKED, "be nice"},
                                           FakeClients::Kick{18, CM_CLOSE_KICKED, ""}));
}

TEST_F(CommandsTest, AKickThatCannotBeIsRefused) {
  EXPECT_THAT(refusal("kick", R"({"client":"x"})"), HasSubstr("is no client; write agent#0@dev/17"));
  EXPECT_THAT(refusal("kick", R"({"client":"/7"})"), HasSubstr("is no client"));
  EXPECT_THAT(refusal("kick", R"({"client":"agent#9@dev/7"})"), HasSubstr("agent#9@dev is not up"));
  EXPECT_THAT(refusal("kick", R"({"client":"game#0@dev/7"})"), HasSubstr("has no clients"));
  EXPECT_THAT(refusal("kick"), HasSubstr("\"client\" is missing"));
  EXPECT_THAT(refusal("kick", (R"({"client":"7","text":")" + std::string(2000, 'x') + "\"}").c_str()),
              HasSubstr("shorten it"));
  clients->answer = Delivery::full;
  EXPECT_THAT(refusal("kick", R"({"client":"7"})"), HasSubstr("try again"));
  add("agent#1@dev", "", clients, true);
  EXPECT_THAT(refusal("kick", R"({"client":"7"})"), HasSubstr("this host has 2 agents"));
}

TEST_F(CommandsTest, PluginsAreLoadedAndUnloadedByName) {
  EXPECT_EQ(ask("load", R"({"name":"chat"})").value(), "chat is loaded");
  EXPECT_EQ(ask("unload", R"({"name":"chat"})").value(), "chat is unloaded");
  EXPECT_EQ(refusal("load", R"({"name":"bad"})"), "bad is no plugin");
  EXPECT_THAT(refusal("load"), HasSubstr("\"name\" is missing"));
  EXPECT_THAT(done_to, ElementsAre("load chat", "unload chat", "load bad"));
}

TEST_F(CommandsTest, LogLevelsAreShownAndSet) {
  EXPECT_EQ(ask("log", R"({"levels":"mesh=debug"})")->at("mesh"), "debug");
  EXPECT_EQ(ask("log")->at("mesh"), "debug");
  EXPECT_TRUE(ask("log", R"({"levels":"info"})").has_value());
  refusal("log", R"({"levels":"zebra"})");
}

}  // namespace
}  // namespace cm::admin
