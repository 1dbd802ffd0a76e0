// Real libraries: loaded, refused, run, unloaded.
#include <future>

#include "manager_fixture.hpp"

namespace cm::plugin::test {
namespace {

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
  expect(refusal("unit_other_abi_in_code"), "its code is built for plugin ABI 3.");
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
    settings.set(key, value, false, [&](const auto& written) { done.set_value(written.has_value()); });
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
  auto good = loader.copy(kPlugins / "unit_other.so");
  ASSERT_TRUE(good);
  const fs::path file = (*good)->file();
  {
    auto other = loader.open(*good, "unit_other.so");
    ASSERT_TRUE(other);
    EXPECT_TRUE(other->unload());
    EXPECT_TRUE(fs::exists(file));
  }
  good->reset();
  EXPECT_FALSE(fs::exists(file)) << "the copy is removed with the last that uses it";
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
