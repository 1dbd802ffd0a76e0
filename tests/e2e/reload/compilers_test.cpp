// Plugins of different compilers and languages in one host, all taking over from themselves under traffic. They are
// those that the tests sdk_outside_... built against the installed SDK.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <thread>

#include "support/asker.hpp"
#include "support/deployment.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;

Asker::Question question(const char* request, const char* answer, std::string body) {
  return {message_id(request), message_id(answer), [body = std::move(body)](std::uint64_t) { return body; }};
}

TEST(Compilers, PluginsOfGccClangWithLibcxxAndCReloadTogetherUnderTraffic) {
  const fs::path outside = CM_E2E_OUTSIDE;
  TempDir folder;
  const fs::path plugins = folder / "plugins";
  copy_plugins(plugins);
  std::vector<std::string> names{"game", "echo"};
  for (const char* file : {"libcxx/oracle.so", "clang/rps.so", "c/echo_c.so"}) {
    if (!fs::exists(outside / file)) continue;  // no such compiler on this machine
    fs::copy_file(outside / file, plugins / fs::path(file).filename());
    names.push_back(fs::path(file).stem().string());
  }
  ASSERT_GE(names.size(), 3U) << "run it with ctest, which builds them first";
  Deployment mesh(Shape::embedded, {.plugin_dir = plugins, .arguments = {}, .env = {}});
  Host& host = mesh.host("agent");
  const auto login = mesh.login_address();
  std::vector<std::unique_ptr<Asker>> askers;
  const std::map<std::string, Asker::Question> questions{
      {"echo", question("protoEchoREQ", "protoEchoACK", "\x0a\x02hi")},
      {"echo_c", question("protoEchoCREQ", "protoEchoCACK", "\x0a\x02hi")},
      {"rps", question("protoPlayREQ", "protoPlayACK", "\x08\x01")},
      {"oracle", question("oracleAskREQ", "oracleAskACK", "\x0a\x02hi")}};
  for (const auto& name : names) {
    const auto it = questions.find(name);
    if (it != questions.end()) askers.push_back(std::make_unique<Asker>(login, it->second));
  }
  Client ann = mesh.player();
  std::vector<std::thread> reloaders;
  for (const auto& name : names) {
    reloaders.emplace_back([&host, name] {
      for (int i = 0; i < 5; ++i) EXPECT_EQ(host.ctl({"reload", name}).code, 0) << name;
    });
  }
  for (auto& reloader : reloaders) reloader.join();
  chat(ann, "after all of them");
  for (const auto& asker : askers) {
    const auto then = asker->answered();
    EXPECT_TRUE(wait_until([&] { return asker->answered() > then; }));
    EXPECT_EQ(asker->end(), "");
  }
  const auto loaded = host.query({"plugins"});
  for (const auto& plugin : loaded.as_array()) {
    EXPECT_EQ(plugin.at("generations").as_array().size(), 1U) << boost::json::serialize(plugin);
  }
}

}  // namespace
}  // namespace cm::test
