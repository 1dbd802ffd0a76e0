// Plugins of different compilers and languages in one host, all taking over from themselves under traffic. They are
// those that the tests sdk_outside_... built against the installed SDK.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <thread>

#include "support/deployment.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;

// One request after the other, each answered with a message of this id.
class Asker {
 public:
  Asker(const std::string& login, const char* request, std::string body, const char* answer)
      : client_(enter(login)),
        thread_([this, request, body = std::move(body), answer] { run(request, body, answer); }) {}
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;
  ~Asker() { (void)end(); }
  std::string end() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
    return failure_;
  }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }

 private:
  void run(const char* request, const std::string& body, const char* answer) try {
    while (!ending_) {
      client_.send(message_id(request), body);
      for (bool waits = true; waits;) {
        const auto frame = client_.read(seconds(60));
        if (!frame) throw std::runtime_error("disconnected");
        if (frame->is<proto::NoticeACK>()) throw std::runtime_error(frame->as<proto::NoticeACK>().ShortDebugString());
        waits = frame->id != message_id(answer);
      }
      ++answered_;
    }
  } catch (const std::exception& e) {
    failure_ = e.what();
  }
  Client client_;
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<bool> ending_{false};
  std::string failure_;
  std::thread thread_;
};

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
  for (const auto& name : names) {
    if (name == "echo") askers.push_back(std::make_unique<Asker>(login, "protoEchoREQ", "\x0a\x02hi", "protoEchoACK"));
    if (name == "echo_c")
      askers.push_back(std::make_unique<Asker>(login, "protoEchoCREQ", "\x0a\x02hi", "protoEchoCACK"));
    if (name == "rps") askers.push_back(std::make_unique<Asker>(login, "protoPlayREQ", "\x08\x01", "protoPlayACK"));
    if (name == "oracle")
      askers.push_back(std::make_unique<Asker>(login, "oracleAskREQ", "\x0a\x02hi", "oracleAskACK"));
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
