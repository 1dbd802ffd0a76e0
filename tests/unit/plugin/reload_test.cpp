// Real libraries that take each other's place.
#include "manager_fixture.hpp"

#include <future>

#include "plugin/elf_file.hpp"
#include "plugin/state_copy.hpp"
#include "plugin/takeover.hpp"

namespace cm::plugin::test {
namespace {

class ReloadTest : public ManagerTest {
 protected:
  // Has a service of unit_good run a job that waits for the pipes.
  void start_job(const Pipes& pipes) {
    routing::Envelope e{
        .kind = Kind::message, .msg_id = 2, .to = rig.names.service("alpha#0@test"), .from = remote_ref};
    const std::string body = pipes.body();
    e.body = std::as_bytes(std::span(body));
    EXPECT_EQ(routing::Registry::deliver(*rig.registry.snapshot(), e), routing::Delivery::sent);
    pipes.wait_until_inside();
  }
  std::vector<PluginInfo::Generation> generations() { return manager->list().at(0).generations; }
};

TEST_F(ReloadTest, TheNextGenerationServesAndTheOneBeforeIsUnmapped) {
  load("unit_good");
  for (std::uint64_t n = 2; n < 20; ++n) {
    const auto report = manager->reload("unit_good");
    ASSERT_TRUE(report.status) << report.status.error().text;
    EXPECT_EQ(report.from, n - 1);
    EXPECT_EQ(report.to, n);
    EXPECT_EQ(ask("alpha#0@test", 1, "hello"), "hello");
    ASSERT_EQ(generations().size(), 1U);
    EXPECT_EQ(generations()[0].number, n);
  }
  ASSERT_TRUE(manager->unload("unit_good"));
  EXPECT_FALSE(mapped("unit_good.so"));
}

TEST_F(ReloadTest, StepsAreToldWithWhatWasRefusedLast) {
  load("unit_good");
  const auto good = manager->reload("unit_good");
  std::vector<std::string> steps;
  for (const auto& step : good.steps) steps.push_back(step.name);
  EXPECT_EQ(steps, (std::vector<std::string>{"read", "copy", "rehearse", "open", "prepare", "switch", "close"}));
  const auto bad = manager->reload("unit_good", "unit_other");
  ASSERT_FALSE(bad.status);
  expect(bad.status.error().text, "cannot take the place of unit_good");
  ASSERT_EQ(bad.steps.size(), 1U);
  EXPECT_EQ(bad.to, 2U) << "the old one goes on";
  EXPECT_EQ(ask("alpha#0@test", 1, "alive"), "alive");
}

TEST_F(ReloadTest, WhatIsNotLoadedCannotBeReloadedOrRolledBack) {
  expect(manager->reload("unit_good").status.error().text, "none is");
  load("unit_good");
  expect(manager->rollback("unit_good").status.error().text, "no version of unit_good to go back to");
  expect(manager->rollback("unit_good", 7).status.error().text, "generation 7 of unit_good does not serve");
  ASSERT_TRUE(manager->reload("unit_good").status);
  ASSERT_TRUE(manager->rollback("unit_good", 2).status);
  expect(manager->rollback("unit_good").status.error().text, "was rolled back already");
}

TEST_F(ReloadTest, ASettingThatIsReadAtTheStartKeepsItsValueAndOthersFollow) {
  load("unit_good");
  const auto set = [&](const std::string& key, const std::string& value) {
    std::promise<bool> done;
    settings.set(key, value, false, [&](const auto& result) { done.set_value(result.has_value()); });
    return done.get_future().get();
  };
  ASSERT_TRUE(set("alpha/fixed", "twice"));
  ASSERT_TRUE(set("alpha/text", "changed"));
  while (ask("alpha#0@test", 4, "").find("changed") == std::string::npos) {
  }
  ASSERT_TRUE(manager->reload("unit_good").status);
  expect(ask("alpha#0@test", 4, ""), "changed");
  expect(ask("alpha#0@test", 4, ""), "once");
  ASSERT_TRUE(set("alpha/text", "after"));
  while (ask("alpha#0@test", 4, "").find("after") == std::string::npos) {
  }
}

TEST_F(ReloadTest, AJobKeepsItsGenerationAndAtMostThreeAreThere) {
  load("unit_good");
  const Pipes first;
  const Pipes second;
  start_job(first);
  ASSERT_TRUE(manager->reload("unit_good").status);
  start_job(second);
  ASSERT_TRUE(manager->reload("unit_good").status);
  ASSERT_EQ(generations().size(), 3U);
  EXPECT_EQ(generations()[1].state, "closing");
  expect(generations()[1].held_by, "1 jobs");
  const auto fourth = manager->reload("unit_good");
  ASSERT_FALSE(fourth.status);
  expect(fourth.status.error().text, "generation 1 (1 jobs)");
  first.let_go();
  second.let_go();
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (generations().size() > 1 && std::chrono::steady_clock::now() < deadline) manager->sweep();
  EXPECT_EQ(generations().size(), 1U);
  EXPECT_TRUE(manager->reload("unit_good").status);
}

TEST_F(ReloadTest, AllServicesOfAPluginGoOverOrNone) {
  load("unit_two");
  for (std::uint64_t n = 2; n < 10; ++n) {
    const auto report = manager->reload("unit_two");
    ASSERT_TRUE(report.status) << report.status.error().text;
    ASSERT_EQ(generations().size(), 1U);
    EXPECT_EQ(generations()[0].number, n);
    EXPECT_EQ(ask("alpha#0@test", 1, "first"), "first");
    EXPECT_EQ(ask("omega#0@test", 1, "second"), "second");
  }
  const auto report = manager->reload("unit_two", "unit_two_of_which_one_refuses");
  ASSERT_FALSE(report.status);
  expect(report.status.error().text, "omega#0@test");
  ASSERT_EQ(generations().size(), 1U);
  EXPECT_EQ(generations()[0].number, 9U);
  EXPECT_EQ(ask("alpha#0@test", 1, "first"), "first");
  EXPECT_EQ(ask("omega#0@test", 1, "second"), "second");
}

TEST_F(ReloadTest, RowsThatComeToNoEndRefuseTheReload) {
  load("unit_endless");
  const auto report = manager->reload("unit_endless");
  ASSERT_FALSE(report.status);
  expect(report.status.error().text, "come to no end");
  EXPECT_EQ(report.steps.back().name, "switch");
  EXPECT_EQ(ask("alpha#0@test", 1, "alive"), "alive");
}

TEST_F(ReloadTest, AServiceThatIsBusyIsNotWaitedForForEver) {
  make_manager({.settings = 20s, .start = 20s, .drain = 1s, .stop = 100ms});
  load("unit_good");
  const Pipes pipes;
  routing::Envelope e{.kind = Kind::message, .msg_id = 3, .to = rig.names.service("alpha#0@test"), .from = remote_ref};
  const std::string body = pipes.body();
  e.body = std::as_bytes(std::span(body));
  ASSERT_EQ(routing::Registry::deliver(*rig.registry.snapshot(), e), routing::Delivery::sent);
  pipes.wait_until_inside();
  const auto report = manager->reload("unit_good");
  pipes.let_go();
  ASSERT_FALSE(report.status);
  expect(report.status.error().text, "was busy in a hook");
  EXPECT_EQ(ask("alpha#0@test", 1, "alive"), "alive");
}

TEST_F(ReloadTest, AGenerationThatIsPinnedIsNamedWithWhatPinsIt) {
  load("unit_pinned");
  const auto report = manager->reload("unit_pinned");
  ASSERT_TRUE(report.status) << report.status.error().text;
  expect(report.steps.back().note, "-z nodelete");
  ASSERT_EQ(generations().size(), 2U);
  EXPECT_EQ(generations()[1].state, "pinned");
  expect(generations()[1].held_by, "-z nodelete");
}

TEST(Pins, NothingHoldsAPluginThatIsBuiltAsItShould) {
  const auto good = ElfFile::open(kPlugins / "unit_thrower.so");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->pins(), "");
}

TEST(SwitchGate, LetsAllThroughOrNone) {
  SwitchGate good(2);
  auto other = std::async(std::launch::async, [&] { return good.arrive({}, 60s); });
  EXPECT_TRUE(good.arrive({}, 60s));
  EXPECT_TRUE(other.get());
  SwitchGate bad(2);
  other = std::async(std::launch::async, [&] { return bad.arrive({}, 60s); });
  EXPECT_EQ(bad.arrive(base::error("why"), 60s).error().text, "why");
  EXPECT_EQ(other.get().error().text, "why");
}

TEST(SwitchGate, WhoComesTooLateSwitchesNeither) {
  SwitchGate gate(2);
  EXPECT_FALSE(gate.arrive({}, 1ms));
  EXPECT_FALSE(gate.arrive({}, 60s));
}

TEST(ThreadTask, ThatWasCalledOffDoesNotRun) {
  bool ran = false;
  ThreadTask task([&] { ran = true; });
  EXPECT_EQ(task.wait(1ms), ThreadTask::End::waits);
  EXPECT_TRUE(task.call_off());
  task.run();
  EXPECT_FALSE(ran);
}

TEST(StateSink, RefusesWhatIsNoRow) {
  StateSink sink;
  auto* abi = sink.abi();
  const std::uint8_t byte = 1;
  EXPECT_EQ(abi->row(abi, nullptr, &byte, 1, &byte, 1), CM_INVALID);
  EXPECT_EQ(abi->row(abi, "", &byte, 1, &byte, 1), CM_INVALID);
  EXPECT_EQ(abi->row(abi, std::string(201, 't').c_str(), &byte, 1, &byte, 1), CM_INVALID);
  EXPECT_EQ(abi->row(abi, "t", nullptr, 1, &byte, 1), CM_INVALID);
  EXPECT_EQ(abi->row(abi, "t", &byte, CM_MAX_COOKIE + 1, &byte, 1), CM_TOO_LARGE);
  EXPECT_EQ(abi->row(abi, "t", &byte, 1, nullptr, 1), CM_INVALID);
  EXPECT_EQ(abi->write(abi, nullptr, 1), CM_INVALID);
  EXPECT_TRUE(sink.rows.empty());
  EXPECT_EQ(abi->row(abi, "t", &byte, 1, nullptr, 0), CM_OK);
  EXPECT_TRUE(sink.rows.at(0).erased);
}

// What the newer version does not know, the older one gets back as it was; of the rest the newer one's word counts.
TEST(MergeMessage, KeepsWhatTheNewerVersionDoesNotKnow) {
  const auto manifest = read_manifest(kPlugins / "unit_thrower.so");
  ASSERT_TRUE(manifest);
  const std::string known = "proto.NoticeACK";  // fields 1 to 4
  const std::string had =
      "\x0a\x01x"
      "\x2a\x04kept";  // field 1 and field 5
  const std::string newer = "\x08\x07";
  EXPECT_EQ(merge_message(had, newer, manifest->descriptors, known), std::string("\x2a\x04kept") + newer);
  EXPECT_EQ(merge_message(had, newer, manifest->descriptors, ""), had + newer) << "it has no message: all is kept";
  EXPECT_EQ(merge_message("\xff", newer, manifest->descriptors, known), newer) << "garbage is not kept";
}

}  // namespace
}  // namespace cm::plugin::test
