// Real libraries: loaded, refused, run, unloaded.
#include <link.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "discovery/embedded.hpp"
#include "harness.hpp"
#include "plugin/plugin_manager.hpp"

namespace cm::plugin::test {
namespace {

namespace fs = std::filesystem;
using routing::Kind;

const fs::path kPlugins = CM_TEST_PLUGINS;

// Whether a library whose file's name ends so is mapped.
bool mapped(const std::string& file) {
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

TEST_F(ManagerTest, LoadsRunsAndReallyUnloads) {
  load("unit_good");
  EXPECT_TRUE(mapped("unit_good.so"));
  EXPECT_EQ(ask("alpha#0@test", 1, "hello"), "hello");
  EXPECT_EQ(ask("alpha#0@test", 99, ""), "status 10");
  const auto list = manager->list();
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].manifest.name, "unit_good");
  EXPECT_FALSE(list[0].manifest.build_id.empty());
  ASSERT_EQ(list[0].services.size(), 1U);
  EXPECT_EQ(list[0].services[0].id, "alpha#0@test");
  EXPECT_EQ(list[0].services[0].handled, 2U);
  EXPECT_EQ(list[0].services[0].refused, 1U);
  ASSERT_TRUE(manager->unload("unit_good"));
  EXPECT_FALSE(mapped("unit_good.so"));
  EXPECT_FALSE(rig.registry.find(rig.names.service("alpha#0@test")));
  EXPECT_EQ(told.all(), (std::vector<std::string>{"loaded unit_good", "unloading unit_good"}));
}

TEST_F(ManagerTest, TheSameFileLoadsAgainAndAgain) {
  for (int i = 0; i < 20; ++i) {
    load("unit_good");
    EXPECT_EQ(ask("alpha#0@test", 1, "again"), "again");
    ASSERT_TRUE(manager->unload("unit_good"));
    ASSERT_FALSE(mapped("unit_good.so"));
  }
}

TEST_F(ManagerTest, PluginInCppThatThrowsInEveryHookHarmsOnlyItself) {
  load("unit_good");
  for (int i = 0; i < 3; ++i) {
    load("unit_thrower");
    const auto ref = rig.names.service("thrower#0@test");
    const auto snapshot = rig.registry.snapshot();
    const auto manifest = manager->list().at(1).manifest;
    const auto id_of = [&](const std::string& name) {
      return std::ranges::find(manifest.messages, name, &Manifest::Message::name)->id;
    };
    routing::Envelope e{.kind = Kind::client_message, .msg_id = id_of("thrower.ThrowREQ"), .to = ref};
    e.client = {remote_ref, 4};
    EXPECT_EQ(routing::Registry::deliver(*snapshot, e), routing::Delivery::sent);
    e.kind = Kind::client_closed;
    EXPECT_EQ(routing::Registry::deliver(*snapshot, e), routing::Delivery::sent);
    EXPECT_EQ(ask("thrower#0@test", id_of("thrower.ThrowACK"), ""), "status 8");
    const auto service = manager->list().at(1).services.at(0);
    EXPECT_GE(service.faults, 3U);
    EXPECT_NE(service.last_fault, "");
    ASSERT_TRUE(manager->unload("unit_thrower"));
    EXPECT_FALSE(mapped("unit_thrower.so")) << "statics and thread_locals must not pin it";
  }
  EXPECT_EQ(ask("alpha#0@test", 1, "alive"), "alive");
}

TEST_F(ManagerTest, PluginsThatCannotWorkAreRefusedWithCauseAndCure) {
  expect(refusal("unit_other_abi"), "built for plugin ABI 2.0");
  expect(refusal("unit_other_abi_in_code"), "its code is built for plugin ABI 3.0");
  expect(refusal("unit_short_entry"), "shorter than version 1.0");
  expect(refusal("unit_no_start"), "lacks its name or a function");
  expect(refusal("unit_no_symbol"), "does not export the symbol cellmesh_plugin");
  expect(refusal("unit_undefined"), "nobody_has_this");
  expect(refusal("unit_lying_kind"), "not those of its manifest");
  expect(refusal("unit_init_fails"), "its init returned CM_UNAVAILABLE");
  expect(refusal("unit_start_fails"), "gamma#0@test was not started: its start returned CM_UNAVAILABLE");
  expect(refusal("unit_hostile_id"), "of cellmesh itself");
  expect(refusal("absent"), "there is no plugin \"absent\"");
  load("unit_good");
  expect(refusal("unit_same_kind"), "provides the kind \"alpha\"");
  expect(refusal("unit_colliding"), "as my.SayREQ of the loaded plugin unit_good");
  const auto twice = manager->load("unit_good");
  ASSERT_FALSE(twice);
  expect(twice.error().text, "is loaded already");
  load("unit_other");
  EXPECT_EQ(manager->loaded(), (std::vector<std::string>{"unit_good", "unit_other"}));
}

TEST_F(ManagerTest, TruncatedLibrariesAreRefusedAndNeverMapped) {
  std::ifstream in(kPlugins / "unit_good.so", std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  std::string folder = (fs::temp_directory_path() / "cm-truncated-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const fs::path file = fs::path(folder) / "cut.so";
  for (std::size_t size = 0; size < whole.size(); size += whole.size() / 23) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    const auto status = manager->load(file.string());
    ASSERT_FALSE(status) << size;
    expect(status.error().text, "cut.so");
  }
  fs::remove_all(folder);
}

TEST_F(ManagerTest, SettingsAreDeclaredReadAndFollowed) {
  load("unit_good");
  expect(ask("alpha#0@test", 4, ""), "overridden");
  Seen<std::string> wrote;
  const auto set = [&](const std::string& key, const std::string& value) {
    std::promise<bool> done;
    settings.set(key, value, false, [&](const base::Status& status) { done.set_value(status.has_value()); });
    return done.get_future().get();
  };
  EXPECT_TRUE(set("alpha/fixed", "twice"));
  EXPECT_TRUE(set("alpha/text", "changed"));
  std::string now;
  do {
    now = ask("alpha#0@test", 4, "");
  } while (now.find("changed") == std::string::npos);
  expect(now, "once");
  ASSERT_TRUE(manager->unload("unit_good"));
  load("unit_good");
  expect(ask("alpha#0@test", 4, ""), "twice");
}

TEST_F(ManagerTest, SettingsThatDoNotComeRefuseThePluginInBoundedTime) {
  discovery::EmbeddedDiscovery silent;  // never started
  discovery::Settings no_settings(silent);
  PluginManagerConfig config;
  config.identity = rig.surroundings.identity;
  config.plugin_dir = kPlugins;
  config.patience.settings = 20ms;
  PluginManager other(std::move(config), rig.registry, no_settings, nullptr, {});
  const auto status = other.load("unit_good");
  ASSERT_FALSE(status);
  expect(status.error().text, "did not come from the KV");
  EXPECT_FALSE(mapped("unit_good.so"));
  silent.stop();
}

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

TEST_F(ManagerTest, UnloadWaitsForTheJobThatRuns) {
  load("unit_good");
  const Pipes pipes;
  routing::Envelope e{.kind = Kind::message, .msg_id = 2, .to = rig.names.service("alpha#0@test"), .from = remote_ref};
  const std::string body = pipes.body();
  e.body = std::as_bytes(std::span(body));
  EXPECT_EQ(routing::Registry::deliver(*rig.registry.snapshot(), e), routing::Delivery::sent);
  pipes.wait_until_inside();
  auto unloaded = std::async(std::launch::async, [&] { return manager->unload("unit_good"); });
  EXPECT_TRUE(rig.wait_draining(e.to));
  EXPECT_TRUE(mapped("unit_good.so"));
  pipes.let_go();
  EXPECT_TRUE(unloaded.get());
  EXPECT_FALSE(mapped("unit_good.so"));
}

TEST_F(ManagerTest, PluginThatHangsStaysMappedAndTheHostSaysSo) {
  make_manager({.settings = 20s, .start = 20s, .drain = 1ms, .stop = 50ms});
  load("unit_other");
  const Pipes pipes;
  routing::Envelope e{.kind = Kind::message, .msg_id = 2, .to = rig.names.service("beta#0@test"), .from = remote_ref};
  const std::string body = pipes.body();
  e.body = std::as_bytes(std::span(body));
  EXPECT_EQ(routing::Registry::deliver(*rig.registry.snapshot(), e), routing::Delivery::sent);
  pipes.wait_until_inside();
  const auto status = manager->unload("unit_other");
  ASSERT_FALSE(status);
  expect(status.error().text, "hangs and stays loaded");
  EXPECT_TRUE(mapped("unit_other.so"));
  EXPECT_TRUE(manager->loaded().empty());
  EXPECT_FALSE(manager->stop_all());
  pipes.let_go();
  manager.reset();  // waits for the job
}

TEST_F(ManagerTest, LibraryThatCannotBeUnmappedIsNoticed) {
  LibraryLoader loader;
  const auto copy = loader.copy(kPlugins / "unit_pinned.so");
  ASSERT_TRUE(copy);
  auto library = loader.open(*copy, "unit_pinned.so");
  ASSERT_TRUE(library) << library.error().text;
  EXPECT_FALSE(library->unload());
  const auto good = loader.copy(kPlugins / "unit_other.so");
  auto other = loader.open(*good, "unit_other.so");
  ASSERT_TRUE(other);
  EXPECT_TRUE(other->unload());
  EXPECT_FALSE(fs::exists(*good)) << "the copy is removed after it was unloaded";
}

TEST_F(ManagerTest, FolderIsListedWithWhatIsWrongInIt) {
  int good = 0;
  for (const auto& candidate : manager->available()) good += candidate.manifest ? 1 : 0;
  EXPECT_GE(good, 15);
  EXPECT_FALSE(manager->unload("unit_good"));
}

TEST_F(ManagerTest, StopAllTakesThemDownInReverseAndLetsNoMoreIn) {
  load("unit_good");
  load("unit_other");
  EXPECT_TRUE(manager->stop_all());
  EXPECT_EQ(told.all(), (std::vector<std::string>{"loaded unit_good", "loaded unit_other", "unloading unit_other",
                                                  "unloading unit_good"}));
  const auto status = manager->load("unit_good");
  ASSERT_FALSE(status);
  expect(status.error().text, "going down");
}

}  // namespace
}  // namespace cm::plugin::test
