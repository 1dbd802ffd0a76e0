// Settings that are secrets: where they come from, and where nobody sees them.
#include <boost/json.hpp>
#include <filesystem>

#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

constexpr const char* kPassword = "hunter2";

class Secrets : public testing::Test {
 protected:
  // A host that runs the data service, and whatever else, on a Consul of its own.
  Host& run(const std::string& plugins = "data") {
    host_.emplace(Host::Options{.folder = folder_ / "host",
                                .arguments = {"--consul", consul_.url(), "--plugins", plugins},
                                .env = {{"DATA_URL", "sqlite:" + (folder_ / "of_variable.db").string()}}});
    return *host_;
  }
  [[nodiscard]] bool serves() {
    const auto plugins = host_->query({"plugins"});
    return plugins.as_array().at(0).at("state").as_string() == "loaded";
  }
  [[nodiscard]] std::string database() const { return "sqlite:" + (folder_ / "game.db").string(); }
  void put(const std::string& value) { consul_.kv_put("cellmesh/config/data/database", value); }
  [[nodiscard]] bool there(const std::string& name) const { return std::filesystem::exists(folder_ / name); }

  TempDir folder_;
  ConsulServer consul_;
  std::optional<Host> host_;
};

TEST_F(Secrets, DatabaseIsTheOneThatWasMeantWhoeverWroteIt) {
  put("\xef\xbb\xbf" + database() + "\r\n");
  run().await_ready();
  EXPECT_TRUE(wait_until([&] { return there("game.db"); })) << tail(host_->log());
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    const auto name = entry.path().filename().string();
    EXPECT_TRUE(name == "host" || name.starts_with("game.db")) << name;
  }
}

TEST_F(Secrets, DatabaseThatCannotBeReadOpensNoOther) {
  const std::string secret = "file:" + (folder_ / "secret").string();
  put(secret);
  Host& host = run();
  EXPECT_TRUE(host.wait_for_log("cannot read the secret in " + (folder_ / "secret").string())) << tail(host.log());
  EXPECT_TRUE(wait_until([&] { return !host.query({"plugins"}).as_array().empty() && !serves(); }));
  EXPECT_EQ(host.log().find("rows are kept in"), std::string::npos) << tail(host.log());
  write_file(folder_ / "secret", database() + "\n");
  EXPECT_TRUE(wait_until([&] { return serves() || host.ctl({"load", "data"}).code == 0; })) << tail(host.log());
  EXPECT_TRUE(host.wait_for_log("rows are kept in " + database())) << tail(host.log());
  const auto row = host.query({"settings", "get", "data/database"}).as_array().at(0);
  EXPECT_EQ(row.at("value").as_string(), secret);
}

TEST_F(Secrets, DatabaseMayStandInAVariable) {
  put("env:DATA_URL");
  EXPECT_TRUE(run().wait_for_log("of_variable.db")) << tail(host_->log());
  EXPECT_TRUE(wait_until([&] { return there("of_variable.db"); }));
}

TEST_F(Secrets, AreInNoLogAndNoAnswerOfCtl) {
  put("postgresql://ann:hunter2@127.0.0.1:1/game?connect_timeout=1");
  Host& host = run();
  EXPECT_TRUE(host.wait_for_log("requests fail, postgresql://ann@")) << tail(host.log());
  std::string told = host.ctl({"settings", "set", "data/database", "postgresql://ann:hunter2@127.0.0.1:2/game"}).output;
  EXPECT_NE(told.find("after restart of data#0@dev"), std::string::npos) << told;
  // Nor when the host is started with what is no value, names no database, or makes a library take the password for a
  // host's name.
  for (const auto& [bad, why] :
       std::map<std::string, std::string>{{"postgresql://ann:hunter2@127.0.0.1:2/ga\nme", "a line feed"},
                                          {"postgresql://ann:x@hunter2@127.0.0.1/game", "names no database"},
                                          {"postgresql://ann:hun/hunter2@127.0.0.1/game", "names no database"},
                                          {"hunter2", "names no database"}}) {
    told += host.ctl({"settings", "set", "data/database", bad}).output;
    put(bad);
    for (const char* word : {"plugins", "services", "status"}) told += host.ctl({word}).output;
    told += host.ctl({"settings", "get"}).output + host.log();
    host.stop();
    host.start();
    EXPECT_TRUE(host.wait_for_log(why)) << tail(host.log());
    told += host.ctl({"settings", "get"}).output + host.ctl({"plugins"}).output + host.log();
  }
  EXPECT_NE(told.find("postgresql://ann"), std::string::npos);
  EXPECT_EQ(told.find(kPassword), std::string::npos) << told;
}

TEST_F(Secrets, AreNotInTheCommandLine) {
  const auto path = folder_ / "dev";
  Host host(
      {.folder = path,
       .arguments = {"--dev", "--plugins", "data", "--set", "data/database=postgresql://ann:hunter2@127.0.0.1:1/game"},
       .env = {}});
  EXPECT_TRUE(host.wait_for_log("is given on the command line")) << tail(host.log());
  std::string line = read_file("/proc/" + std::to_string(host.process().pid()) + "/cmdline");
  EXPECT_NE(line.find("--set"), std::string::npos);
  EXPECT_EQ(line.find(kPassword), std::string::npos) << line;
  EXPECT_EQ(host.log().find(kPassword), std::string::npos) << tail(host.log());
}

}  // namespace
}  // namespace cm::test
