#pragma once

#include <link.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "discovery/embedded.hpp"
#include "harness.hpp"
#include "plugin/plugin_manager.hpp"

namespace cm::plugin::test {

namespace fs = std::filesystem;
using routing::Kind;

inline const fs::path kPlugins = CM_TEST_PLUGINS;

// Whether a library whose file's name ends so is mapped.
inline bool mapped(const std::string& file) {
  std::pair<std::string, bool> ask{"-" + file, false};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& [wanted, found] = *static_cast<std::pair<std::string, bool>*>(data);
        found = found || std::string_view(info->dlpi_name).ends_with(wanted);
        return 0;
      },
      &ask);
  return ask.second;
}

// A manager of real libraries in a host that is made for it.
class ManagerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::promise<void> ready;
    discovery.start([&] { ready.set_value(); });
    ready.get_future().wait();
    make_manager({.settings = 20s, .start = 20s, .drain = 20s, .stop = 20s});
    remote_ref = rig.put_remote("remote#0@test", remote);
  }
  void TearDown() override {
    manager.reset();
    discovery.stop();
  }
  void make_manager(Patience patience) {
    manager.reset();
    PluginManagerConfig config;
    config.identity = rig.surroundings.identity;
    config.plugin_dir = kPlugins;
    config.patience = patience;
    config.setting_overrides["alpha"] = {{"text", "overridden"}};
    manager = std::make_unique<PluginManager>(
        std::move(config), rig.registry, settings, nullptr,
        PluginManagerHooks{
            .loaded = [this](const Manifest& m) { told.push("loaded " + m.name); },
            .unloading = [this](const Manifest& m) { told.push("unloading " + m.name); },
            .reloaded = [this](const Manifest& before,
                               const Manifest& now) { told.push("reloaded " + before.version + " " + now.version); },
            .faulty =
                [this](const std::string& name, std::uint64_t generation) {
                  told.push("faulty " + name + " " + std::to_string(generation));
                }});
  }
  // Why a plugin is refused; nothing of it may be left.
  std::string refusal(const std::string& name) {
    const auto before = manager->loaded();
    const auto status = manager->load(name);
    EXPECT_FALSE(status);
    EXPECT_EQ(manager->loaded(), before);
    EXPECT_FALSE(mapped(name + ".so"));
    const auto snapshot = rig.registry.snapshot();
    EXPECT_EQ(snapshot->find(rig.names.service("gamma#0@test")), nullptr);
    return status ? "" : status.error().text;
  }
  void load(const std::string& name) {
    const auto status = manager->load(name);
    ASSERT_TRUE(status) << status.error().text;
  }
  static void expect(const std::string& text, std::string_view part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  }
  // Calls a service of the plugin from the remote one and waits for the answer.
  std::string ask(const std::string& id, std::uint16_t msg_id, std::string_view body) {
    const auto to = rig.names.service(id);
    const std::uint64_t call = ++calls;
    routing::Envelope e{.kind = Kind::call, .msg_id = msg_id, .to = to, .from = remote_ref, .call = call};
    e.body = std::as_bytes(std::span(body));
    EXPECT_EQ(routing::Registry::deliver(*rig.registry.snapshot(), e), routing::Delivery::sent);
    const auto reply = replies.wait_for([&](const auto& got) { return got.first == call; });
    return reply ? reply->second : "no reply";
  }

  Rig rig;
  discovery::EmbeddedDiscovery discovery;
  discovery::Settings settings{discovery};
  Seen<std::string> told;
  Seen<std::pair<std::uint64_t, std::string>> replies;
  std::uint64_t calls = 0;
  std::shared_ptr<FakeService> remote = [this] {
    auto fake = std::make_shared<FakeService>();
    fake->on_deliver = [this](const routing::Envelope& e) {
      if (e.kind != Kind::reply) return;
      replies.push({e.call, e.status != 0 ? "status " + std::to_string(e.status)
                                          : std::string(reinterpret_cast<const char*>(e.body.data()), e.body.size())});
    };
    return fake;
  }();
  routing::ServiceRef remote_ref{};
  std::unique_ptr<PluginManager> manager;
};

// To hold a hook of the puppet in the middle.
struct Pipes {
  Pipes() {
    EXPECT_EQ(::pipe(here.data()), 0);
    EXPECT_EQ(::pipe(go.data()), 0);
  }
  ~Pipes() {
    for (const int fd : {here[0], here[1], go[0], go[1]}) ::close(fd);
  }
  [[nodiscard]] std::string body() const {
    const std::array<int, 2> fds{here[1], go[0]};
    return {reinterpret_cast<const char*>(fds.data()), sizeof fds};
  }
  void wait_until_inside() const {
    char byte = 0;
    EXPECT_EQ(::read(here[0], &byte, 1), 1);
  }
  void let_go() const { EXPECT_EQ(::write(go[1], "!", 1), 1); }
  std::array<int, 2> here{};
  std::array<int, 2> go{};
};

}  // namespace cm::plugin::test
