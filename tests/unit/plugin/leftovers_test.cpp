// What a plugin leaves behind keeps its library in memory, and the host alive.
#include <signal.h>

#include "base/sanitizer.hpp"
#include "manager_fixture.hpp"
#include "mapped_count.hpp"

namespace cm::plugin::test {
namespace {

class LeftoversTest : public ManagerTest {
 protected:
  void SetUp() override {
    if (base::kSanitized) GTEST_SKIP() << "a sanitizer stands where the host notes what plugins register";
    ManagerTest::SetUp();
  }
  void TearDown() override {
    if (!base::kSanitized) ManagerTest::TearDown();
  }
  std::string leave(std::uint16_t what, std::string_view body = "x") {
    load("unit_leaver");
    return ask("leaver#0@test", what, body);
  }
  // What keeps the library of an unloaded plugin; empty if nothing does.
  std::string pinned() {
    const auto all = manager->pinned();
    return all.empty() ? "" : all.at(0).generations.at(0).held_by;
  }
  // Leaves it, unloads and says what keeps the library.
  std::string left_by(std::uint16_t what) {
    EXPECT_EQ(leave(what), "x");
    const auto status = manager->unload("unit_leaver");
    EXPECT_TRUE(status) << status.error().text;
    EXPECT_EQ(mapped_count("unit_leaver.so") - before, pinned().empty() ? 0 : 1);
    return pinned();
  }

  const int before = mapped_count("unit_leaver.so");
};

TEST_F(LeftoversTest, NothingLeftUnmapsTheLibrary) { EXPECT_EQ(left_by(1), ""); }

TEST_F(LeftoversTest, PthreadKeyWithADestructorPins) {
  expect(left_by(20), "1 pthread key with a destructor ((anonymous namespace)::destroy(void*) at ");
  EXPECT_FALSE(manager->left_threads());
}

TEST_F(LeftoversTest, KeyOfC11Pins) { expect(left_by(21), "1 pthread key with a destructor"); }

TEST_F(LeftoversTest, ExitHandlerPins) { expect(left_by(22), "1 exit handler ((anonymous namespace)::run_at_exit"); }

TEST_F(LeftoversTest, TimerThatCallsPins) {
  expect(left_by(24), "1 timer that calls ((anonymous namespace)::on_timer");
}

TEST_F(LeftoversTest, ThreadLocalOfAThreadThatEndedDoesNotPin) { EXPECT_EQ(left_by(25), ""); }

TEST_F(LeftoversTest, ThreadLocalOfAServiceThreadPinsUntilItEnds) {
  ASSERT_EQ(leave(25), "x");
  ASSERT_TRUE(manager->reload("unit_leaver").status);
  ASSERT_EQ(manager->list().at(0).generations.size(), 2U);
  expect(manager->list().at(0).generations.at(1).held_by, "1 thread_local object of a thread that lives");
  ASSERT_TRUE(manager->unload("unit_leaver"));
  EXPECT_EQ(pinned(), "");
  EXPECT_EQ(mapped_count("unit_leaver.so"), before);
}

TEST_F(LeftoversTest, SignalHandlerIsTakenBack) {
  struct sigaction host_action {};
  ::sigaction(SIGUSR2, nullptr, &host_action);
  EXPECT_EQ(left_by(23), "");
  struct sigaction after {};
  ::sigaction(SIGUSR2, nullptr, &after);
  EXPECT_EQ(after.sa_handler, SIG_IGN) << "the default would end the host";
  ::raise(SIGUSR2);
  ::sigaction(SIGUSR2, &host_action, nullptr);
}

class ThreadLeftTest : public LeftoversTest, public testing::WithParamInterface<std::uint16_t> {};

TEST_P(ThreadLeftTest, PinsTheGenerationThroughReloadsUntilItEnds) {
  const Pipes pipes;
  (void)leave(GetParam(), pipes.body());
  pipes.wait_until_inside();
  const auto report = manager->reload("unit_leaver");
  ASSERT_TRUE(report.status) << report.status.error().text;
  expect(report.steps.back().note, "stays in memory, held by 1 thread (");
  ASSERT_TRUE(manager->reload("unit_leaver").status);
  auto generations = manager->list().at(0).generations;
  ASSERT_EQ(generations.size(), 2U) << "the second one left nothing";
  EXPECT_EQ(generations[1].number, 1U);
  EXPECT_EQ(generations[1].state, "pinned");
  expect(generations[1].held_by, "(anonymous namespace)::");
  pipes.let_go();
  while (manager->list().at(0).generations.size() > 1) manager->sweep();
  EXPECT_EQ(ask("leaver#0@test", 1, "alive"), "alive");
}

TEST_P(ThreadLeftTest, PinsAfterUnloadAndTheEndOfTheManager) {
  const Pipes pipes;
  (void)leave(GetParam(), pipes.body());
  pipes.wait_until_inside();
  ASSERT_TRUE(manager->unload("unit_leaver"));
  expect(pinned(), "1 thread (");
  EXPECT_TRUE(manager->loaded().empty());
  load("unit_leaver");
  EXPECT_EQ(ask("leaver#0@test", 1, "again"), "again");
  EXPECT_TRUE(manager->stop_all());
  EXPECT_TRUE(manager->left_threads());
  manager.reset();
  EXPECT_EQ(mapped_count("unit_leaver.so"), before + 1);
  pipes.let_go();
}

INSTANTIATE_TEST_SUITE_P(Kinds, ThreadLeftTest, testing::Values(10, 11, 12, 13));

TEST_F(LeftoversTest, PluginThatCannotBeUnmappedIsNotLoadedForEver) {
  std::string why;
  for (int i = 0; i < 40 && why.empty(); ++i) {
    const auto status = manager->load("unit_leaver");
    if (!status) {
      why = status.error().text;
      break;
    }
    EXPECT_EQ(ask("leaver#0@test", 20, "x"), "x");
    ASSERT_TRUE(manager->unload("unit_leaver"));
  }
  expect(why, "generations of unit_leaver could not be unmapped; restart the host");
}

}  // namespace
}  // namespace cm::plugin::test
