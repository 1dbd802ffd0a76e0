#include "gateway/bootstrap.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>

namespace cm::gateway {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct BootstrapTest : testing::Test {
  BootstrapTest() {
    fs::create_directories(root / "bin");
    fs::create_directories(root / "plugins");
  }
  ~BootstrapTest() override { fs::remove_all(root); }

  base::Result<Bootstrap> load() {
    return load_bootstrap(
        {.flags = flags,
         .env = [this](const char* name) { return env.contains(name) ? env.at(name).c_str() : nullptr; },
         .program = root / "bin/cellmesh"});
  }
  std::string refusal() {
    const auto loaded = load();
    EXPECT_TRUE(loaded.has_error());
    return loaded.has_error() ? loaded.error().text : "";
  }
  void file(const std::string& text) {
    std::ofstream(root / "host.yaml") << text;
    flags["bootstrap"] = (root / "host.yaml").string();
  }

  const fs::path root = fs::temp_directory_path() / ("cm-bootstrap-" + std::to_string(::getpid()));
  std::map<std::string, std::string, std::less<>> flags{{"dev", "true"}};
  std::map<std::string, std::string> env;
};

TEST_F(BootstrapTest, DefaultsAreThoseOfTheReadme) {
  const Bootstrap b = load().value();
  EXPECT_TRUE(b.dev);
  EXPECT_EQ(b.consul_url, "");
  EXPECT_EQ(b.mesh, "default");
  EXPECT_EQ(b.group, "dev");
  EXPECT_EQ(b.index, 0U);
  EXPECT_EQ(b.name, "0@dev");
  EXPECT_EQ(b.plugin_dir, (root / "plugins").string());
  EXPECT_FALSE(b.plugins.has_value());
  EXPECT_THAT(b.admin_socket, HasSubstr(std::to_string(::getpid()) + ".sock"));
  EXPECT_EQ(b.ready_file, "");
  EXPECT_EQ(b.link_listen, "127.0.0.1");
  EXPECT_EQ(b.io_workers, std::max(1U, std::thread::hardware_concurrency() / 2));
  EXPECT_EQ(b.log_level, "info");
  EXPECT_EQ(b.drain_seconds, 10U);
}

TEST_F(BootstrapTest, TheFileWinsOverDefaultsTheEnvironmentOverItAndFlagsOverAll) {
  file("group: file\nindex: 1\nmesh: file\nname: file\n");
  env = {{"CELLMESH_INDEX", "2"}, {"CELLMESH_MESH", "env"}, {"CELLMESH_NAME", "env"}};
  flags["mesh"] = "flag";
  const Bootstrap b = load().value();
  EXPECT_EQ(b.group, "file");
  EXPECT_EQ(b.index, 2U);
  EXPECT_EQ(b.mesh, "flag");
  EXPECT_EQ(b.name, "env");
}

TEST_F(BootstrapTest, AnEmptyVariableIsNoValue) {
  env["CELLMESH_GROUP"] = "";
  EXPECT_EQ(load()->group, "dev");
}

TEST_F(BootstrapTest, EveryValueCanStandInTheFile) {
  flags.clear();
  std::ofstream(root / "ca.pem") << "x";
  file(R"(# all of it
consul:
  url: https://consul.example.org:8501/
  token: 5e0-aa
  ca: ca.pem
mesh: games
group: eu
index: 7
name: seven
plugin_dir: plugins
plugins: [agent, login]
admin_socket: admin.sock
ready_file: ready.json
link_listen: "[::]:7000"
link_advertise: 203.0.113.5:7001
io_workers: 3
log_level: info,mesh=trace
log_file: host.log
drain_seconds: 0
)");
  const Bootstrap b = load().value();
  EXPECT_FALSE(b.dev);
  EXPECT_EQ(b.consul_url, "https://consul.example.org:8501");
  EXPECT_EQ(b.consul_token, "5e0-aa");
  EXPECT_EQ(b.consul_ca, (root / "ca.pem").string()) << "relative to the file";
  EXPECT_EQ(b.mesh, "games");
  EXPECT_EQ(b.group, "eu");
  EXPECT_EQ(b.index, 7U);
  EXPECT_EQ(b.name, "seven");
  EXPECT_EQ(b.plugin_dir, (root / "plugins").string());
  EXPECT_THAT(*b.plugins, ElementsAre("agent", "login"));
  EXPECT_EQ(b.admin_socket, (root / "admin.sock").string());
  EXPECT_EQ(b.ready_file, (root / "ready.json").string());
  EXPECT_EQ(b.link_listen, "[::]:7000");
  EXPECT_EQ(b.link_advertise, "203.0.113.5:7001");
  EXPECT_EQ(b.io_workers, 3U);
  EXPECT_EQ(b.log_level, "info,mesh=trace");
  EXPECT_EQ(b.log_file, (root / "host.log").string());
  EXPECT_EQ(b.drain_seconds, 0U);
}

TEST_F(BootstrapTest, EverySourceIsReadAsWhatPeopleWrite) {
  env["CELLMESH_CONSUL"] = "\xef\xbb\xbfhttp://127.0.0.1:8500\r\n";
  env["CELLMESH_GROUP"] = " eu\n";
  env["CELLMESH_MESH"] = " \n";  // as if it were not there
  flags["name"] = "one\n";
  flags["plugins"] =
      "\xef\xbb\xbf"
      "agent, hub\r\n";
  flags.erase("dev");
  const Bootstrap b = load().value();
  EXPECT_EQ(b.consul_url, "http://127.0.0.1:8500");
  EXPECT_EQ(b.group, "eu");
  EXPECT_EQ(b.mesh, "default");
  EXPECT_EQ(b.name, "one");
  EXPECT_EQ(*b.plugins, (std::vector<std::string>{"agent", "hub"}));
  env["CELLMESH_GROUP"] = "e\nu";
  EXPECT_THAT(refusal(), HasSubstr("CELLMESH_GROUP: it has a line feed (\\x0a) at byte 2"));
}

TEST_F(BootstrapTest, SettingsAreReadAsWhatPeopleWriteAndNotQuoted) {
  flags["set"] =
      "\n data/database = sqlite:/x\r\n; "
      "agent/port=1 ;\n";
  const Bootstrap b = load().value();
  EXPECT_EQ(b.settings.at("data").at("database"), "sqlite:/x");
  EXPECT_EQ(b.settings.at("agent").at("port"), "1");
  EXPECT_TRUE(b.settings_on_command_line);
  flags["set"] = "data/database=hun\nter2";
  EXPECT_THAT(refusal(), testing::AllOf(HasSubstr("--set has a bad value of data/database: it has a line feed"),
                                        testing::Not(HasSubstr("ter2"))));
  flags["set"] = "hunter2";
  EXPECT_THAT(refusal(), testing::Not(HasSubstr("hunter2")));
  flags.erase("set");
  env["CELLMESH_SET"] = "agent/port=1";
  EXPECT_FALSE(load().value().settings_on_command_line);
}

TEST_F(BootstrapTest, EveryOptionHasAVariableAndAllButSecretsAFlag) {
  for (const auto& option : bootstrap_options()) {
    EXPECT_TRUE(option.env.starts_with("CELLMESH_")) << option.key;
    EXPECT_EQ(option.flag.empty(), option.key == "consul.token") << option.key;
    EXPECT_FALSE(option.help.empty());
  }
}

TEST_F(BootstrapTest, TheFileMayBeNamedByTheEnvironmentAndBeEmpty) {
  file("");
  env["CELLMESH_BOOTSTRAP"] = flags["bootstrap"];
  flags.erase("bootstrap");
  EXPECT_TRUE(load().has_value());
  file("group: other\n");
  flags.erase("bootstrap");
  EXPECT_EQ(load()->group, "other");
}

TEST_F(BootstrapTest, ConsulAloneIsItsUrl) {
  flags.clear();
  file("consul: 10.0.0.1:8500\n");
  EXPECT_EQ(load()->consul_url, "http://10.0.0.1:8500");
}

TEST_F(BootstrapTest, NeitherDevNorConsulIsRefusedWithBothCures) {
  flags.clear();
  EXPECT_THAT(refusal(), HasSubstr("--consul http://127.0.0.1:8500; or try --dev"));
}

TEST_F(BootstrapTest, DevAndConsulFromOneSourceAreRefused) {
  flags["consul"] = "127.0.0.1";
  EXPECT_THAT(refusal(), HasSubstr("--dev runs without Consul, but --consul says where it is"));
}

TEST_F(BootstrapTest, OfDevAndConsulTheNearerToTheCommandWins) {
  env["CELLMESH_CONSUL"] = "127.0.0.1:8500";
  EXPECT_TRUE(load()->dev);
  EXPECT_EQ(load()->consul_url, "");
  flags = {{"consul", "127.0.0.1:8500"}};
  env = {{"CELLMESH_DEV", "true"}};
  EXPECT_FALSE(load()->dev);
  EXPECT_EQ(load()->consul_url, "http://127.0.0.1:8500");
}

TEST_F(BootstrapTest, AnUnknownKeyIsRefusedWithItsLineAndTheKeyThatWasMeant) {
  file("group: dev\n\nindx: 3\n");
  EXPECT_THAT(refusal(), HasSubstr("host.yaml line 3: indx is no key of the bootstrap file; did you mean \"index\"?"));
  file("consul:\n  adress: x\n");
  EXPECT_THAT(refusal(), HasSubstr("host.yaml line 2: consul.adress is no key"));
  file("zebra: 1\n");
  EXPECT_THAT(refusal(), HasSubstr("there are: dev, login_port, login_ws_port, set, consul.url"));
}

TEST_F(BootstrapTest, AWrongTypeIsRefusedWithWhatItMustBe) {
  file("group: dev\nindex: three\n");
  EXPECT_THAT(refusal(),
              HasSubstr("host.yaml line 2: index is \"three\", and must be a whole number from 0 to 999999999"));
  file("group: [a, b]\n");
  EXPECT_THAT(refusal(), HasSubstr("line 1: group must be a single value, not a list"));
  file("group: {a: b}\n");
  EXPECT_THAT(refusal(), HasSubstr("must be a single value, not a map"));
  file("group:\n");
  EXPECT_THAT(refusal(), HasSubstr("group has no value"));
  file("plugins: [a, [b]]\n");
  EXPECT_THAT(refusal(), HasSubstr("must be a list of names"));
  file("dev: yes\n");
  flags.erase("dev");
  EXPECT_THAT(refusal(), HasSubstr("dev is \"yes\", and must be true or false"));
}

TEST_F(BootstrapTest, WhatIsNoBootstrapFileIsRefused) {
  file("group: [a\n");
  EXPECT_THAT(refusal(), HasSubstr("is no YAML"));
  file("just words\n");
  EXPECT_THAT(refusal(), HasSubstr("is no map"));
  file("a: 1\n---\nb: 2\n");
  EXPECT_THAT(refusal(), HasSubstr("several YAML documents"));
  file("group: a\ngroup: b\n");
  EXPECT_THAT(refusal(), HasSubstr("line 2: group stands there twice"));
  file("[a]: b\n");
  EXPECT_THAT(refusal(), HasSubstr("a key must be a word"));
  file("group: " + std::string(2U << 20U, 'x'));
  EXPECT_THAT(refusal(), HasSubstr("larger than 1 MiB"));
  file(std::string("\x00\x01\xff{{{", 7));
  EXPECT_TRUE(load().has_error());
  flags["bootstrap"] = (root / "none.yaml").string();
  EXPECT_THAT(refusal(), HasSubstr("cannot read the bootstrap file"));
}

TEST_F(BootstrapTest, ABadValueIsRefusedByThePlaceThatItCameFrom) {
  flags["index"] = "-1";
  EXPECT_THAT(refusal(), HasSubstr("--index is \"-1\", and must be"));
  flags.erase("index");
  env["CELLMESH_INDEX"] = "1x";
  EXPECT_THAT(refusal(), HasSubstr("CELLMESH_INDEX is \"1x\", and must be"));
}

TEST_F(BootstrapTest, EachBadValueIsRefused) {
  const std::vector<std::pair<std::string, std::string>> bad{{"mesh", ""},
                                                             {"mesh", "a b"},
                                                             {"group", "a/b"},
                                                             {"group", std::string(65, 'a')},
                                                             {"name", "a b"},
                                                             {"index", "1000000000"},
                                                             {"io-workers", "257"},
                                                             {"drain-seconds", "3601"},
                                                             {"plugins", "a/b"},
                                                             {"plugin-dir", "/no/such"},
                                                             {"link-listen", "localhost"},
                                                             {"link-listen", "1.2.3.4:99999"},
                                                             {"link-advertise", "0.0.0.0"},
                                                             {"link-advertise", "play.example.org:7000"},
                                                             {"log-file", "/no/such/dir/x"},
                                                             {"ready-file", "/"},
                                                             {"admin-socket", "/tmp/" + std::string(200, 'x')},
                                                             {"admin-socket", "/no/such/dir/x.sock"},
                                                             {"dev", "maybe"}};
  for (const auto& [flag, value] : bad) {
    flags = {{"dev", "true"}};
    flags[flag] = value;
    EXPECT_THAT(refusal(), HasSubstr("--" + flag)) << value;
  }
  for (const std::string url : {"ftp://a", "http://", "http://a b", "http://a:0", "http://a/path", "http://a:x"}) {
    flags = {{"consul", url}};
    EXPECT_THAT(refusal(), HasSubstr("must be an address such as http://127.0.0.1:8500")) << url;
  }
}

TEST_F(BootstrapTest, ATokenIsNotShownWhenItIsRefused) {
  env["CELLMESH_CONSUL_TOKEN"] = "my secret";
  EXPECT_THAT(refusal(), HasSubstr("CELLMESH_CONSUL_TOKEN must be a Consul token"));
  EXPECT_THAT(refusal(), testing::Not(HasSubstr("my secret")));
}

TEST_F(BootstrapTest, ConsulOptionsComeByFlagVariableFileAndConsulsOwnVariables) {
  for (const char* name : {"a.pem", "b.pem", "c.pem"}) std::ofstream(root / name) << "x";
  const auto path = [&](const char* name) { return (root / name).string(); };
  flags = {{"consul", "https://10.0.0.1:8501"}};
  env = {{"CONSUL_HTTP_TOKEN_FILE", path("token")},
         {"CONSUL_HTTP_TOKEN", "ignored"},
         {"CONSUL_CACERT", path("a.pem")},
         {"CONSUL_CLIENT_CERT", path("b.pem")},
         {"CONSUL_CLIENT_KEY", path("c.pem")}};
  auto b = load().value();
  EXPECT_EQ(b.consul_token_file, path("token")) << "as Consul's tools prefer it; it may come later";
  EXPECT_EQ(b.consul_token, "");
  EXPECT_EQ(b.consul_ca, path("a.pem"));
  EXPECT_EQ(b.consul_cert, path("b.pem"));
  EXPECT_EQ(b.consul_key, path("c.pem"));
  file("consul: {token: from-the-file, ca: b.pem, datacenter: dc2}\n");
  b = load().value();
  EXPECT_EQ(b.consul_token, "from-the-file");
  EXPECT_EQ(b.consul_token_file, "");
  EXPECT_EQ(b.consul_ca, path("b.pem"));
  EXPECT_EQ(b.consul_datacenter, "dc2");
  env["CELLMESH_CONSUL_TOKEN_FILE"] = path("token2");
  flags["consul-ca"] = path("c.pem");
  b = load().value();
  EXPECT_EQ(b.consul_token_file, path("token2"));
  EXPECT_EQ(b.consul_token, "");
  EXPECT_EQ(b.consul_ca, path("c.pem"));
  const auto config = consul_config(b);
  EXPECT_EQ(config.token_file, path("token2"));
  EXPECT_EQ(config.ca_file, path("c.pem"));
  EXPECT_EQ(config.cert_file, path("b.pem"));
  EXPECT_EQ(config.key_file, path("c.pem"));
  EXPECT_EQ(config.datacenter, "dc2");
}

TEST_F(BootstrapTest, ConsulOptionsThatContradictOrMissAreRefusedWithTheRemedy) {
  std::ofstream(root / "a.pem") << "x";
  const std::string pem = (root / "a.pem").string();
  flags = {{"consul", "https://10.0.0.1:8501"}, {"consul-cert", pem}};
  EXPECT_THAT(refusal(), HasSubstr("--consul-cert needs the private key of that certificate: --consul-key FILE"));
  flags = {{"consul", "https://10.0.0.1:8501"}, {"consul-key", pem}};
  EXPECT_THAT(refusal(), HasSubstr("--consul-key needs the certificate of that key: --consul-cert FILE"));
  flags = {{"consul", "https://10.0.0.1:8501"}, {"consul-cert", "/nowhere.pem"}, {"consul-key", pem}};
  EXPECT_THAT(refusal(), HasSubstr("--consul-cert is \"/nowhere.pem\", and must be a file that exists"));
  flags = {{"consul", "https://10.0.0.1:8501"}};
  env = {{"CELLMESH_CONSUL_TOKEN", "t"}, {"CELLMESH_CONSUL_TOKEN_FILE", pem}};
  EXPECT_THAT(refusal(), HasSubstr("CELLMESH_CONSUL_TOKEN and CELLMESH_CONSUL_TOKEN_FILE both give a token"));
  env.clear();
  flags["consul-token-file"] = root.string();
  EXPECT_THAT(refusal(), HasSubstr("must be a file"));
}

TEST_F(BootstrapTest, ConsulsOwnVariablesDoNotConcernAHostWithoutItsTls) {
  env = {{"CONSUL_CACERT", "/nowhere/ca.pem"}, {"CONSUL_CLIENT_CERT", "/nowhere/cert.pem"}, {"CONSUL_HTTP_TOKEN", "t"}};
  EXPECT_TRUE(load()) << "with --dev";
  flags = {{"consul", "http://127.0.0.1:8500"}};
  EXPECT_EQ(load().value().consul_token, "t");
  EXPECT_EQ(load().value().consul_cert, "");
}

TEST_F(BootstrapTest, AnEmptyListOfPluginsIsOneWithNoPlugin) {
  flags["plugins"] = "";
  EXPECT_THAT(*load()->plugins, IsEmpty());
}

TEST_F(BootstrapTest, SettingsAreNamedByServiceAndMayHoldCommas) {
  flags["set"] = "agent/transports=tcp,tls; login/port=0;";
  const Bootstrap b = load().value();
  EXPECT_EQ(b.settings.at("agent").at("transports"), "tcp,tls");
  EXPECT_EQ(b.settings.at("login").at("port"), "0");
  EXPECT_EQ(b.settings.size(), 2U);
}

TEST_F(BootstrapTest, SettingsWithConsulAreRefusedWithTheCure) {
  flags = {{"consul", "http://127.0.0.1:8500"}, {"set", "agent/port=1"}};
  EXPECT_THAT(refusal(), HasSubstr("--set is for --dev"));
  EXPECT_THAT(refusal(), HasSubstr("cellmesh ctl settings"));
}

TEST_F(BootstrapTest, WhatIsNoSettingIsRefused) {
  for (const char* wrong : {"agent", "agent/port", "/port=1", "agent/=1", "port=1"}) {
    flags["set"] = wrong;
    EXPECT_THAT(refusal(), HasSubstr("agent/heartbeat_sec=10")) << wrong;
  }
}

TEST_F(BootstrapTest, PluginsAreFoundBesideTheProgramAndWhereTheInstallPutsThem) {
  fs::remove(root / "plugins");
  EXPECT_THAT(refusal(), HasSubstr("say where they are with --plugin-dir"));
  fs::create_directories(root / CELLMESH_LIBDIR / "cellmesh/plugins");
  EXPECT_EQ(load()->plugin_dir, (root / CELLMESH_LIBDIR / "cellmesh/plugins").string());
}

TEST_F(BootstrapTest, PathsAreAbsoluteWhateverTheHostsFolderIs) {
  flags["plugin-dir"] = ".";
  flags["ready-file"] = "ready.json";
  EXPECT_EQ(load()->plugin_dir, (fs::current_path() / "").string());
  EXPECT_EQ(load()->ready_file, (fs::current_path() / "ready.json").string());
}

}  // namespace
}  // namespace cm::gateway
