// Reloads whose service has no time for them: it goes on with the generation that it had.
#include <cstring>

#include "manager_fixture.hpp"

namespace cm::plugin::test {
namespace {

constexpr std::uint16_t kWait = 3;
constexpr std::uint16_t kHoldSave = 5;
constexpr std::uint16_t kStartTimer = 6;

class TakeoverTest : public ManagerTest {
 protected:
  void SetUp() override {
    ManagerTest::SetUp();
    make_manager({.settings = 20s, .start = 20s, .drain = 20s, .stop = 1s});
    load("unit_stateful");
  }
  // The save after so many others waits until it is let go.
  void hold_save_after(int others) {
    std::string body = pipes.body();
    body.append(reinterpret_cast<const char*>(&others), sizeof others);
    EXPECT_EQ(ask("alpha#0@test", kHoldSave, body), "");
  }
  std::string refusal_of_reload() { return reason(manager->reload("unit_stateful")); }
  static std::string reason(const ReloadReport& report) {
    EXPECT_FALSE(report.status);
    return report.status ? "" : report.status.error().text;
  }
  // It has done what waited, and works in this generation, of which all is known that shall be.
  void expect_goes_on_as(std::uint64_t generation) {
    EXPECT_EQ(ask("alpha#0@test", kStartTimer, ""), "");
    const auto plugin = manager->list().at(0);
    EXPECT_EQ(plugin.services.at(0).generation, generation);
    ASSERT_EQ(plugin.generations.size(), 1U);
    EXPECT_EQ(plugin.generations.at(0).number, generation);
  }
  void expect_reloads() {
    const auto report = manager->reload("unit_stateful");
    EXPECT_TRUE(report.status) << report.status.error().text;
    expect_goes_on_as(report.to);
  }

  const Pipes pipes;
};

TEST_F(TakeoverTest, BusyServiceIsNotReloadedAndCanBeLater) {
  routing::Envelope e{.kind = Kind::message, .msg_id = kWait, .to = rig.names.service("alpha#0@test")};
  e.from = remote_ref;
  const std::string body = pipes.body();
  e.body = std::as_bytes(std::span(body));
  EXPECT_EQ(routing::Registry::deliver(*rig.registry.snapshot(), e), routing::Delivery::sent);
  pipes.wait_until_inside();
  expect(refusal_of_reload(), "was busy in a hook");
  pipes.let_go();
  expect_goes_on_as(1);
  expect_reloads();
}

TEST_F(TakeoverTest, SaveThatHangsRefusesTheReloadUntilItReturns) {
  hold_save_after(0);
  expect(refusal_of_reload(), "hangs in a hook of the reload");
  pipes.wait_until_inside();
  pipes.let_go();
  expect_goes_on_as(1);
  expect_reloads();
}

TEST_F(TakeoverTest, SaveThatHangsAtTheSwitchDoesNotSwitchWhenItReturns) {
  hold_save_after(1);
  expect(refusal_of_reload(), "hangs in a hook of the reload");
  pipes.wait_until_inside();
  pipes.let_go();
  expect_goes_on_as(1);
  expect_reloads();
}

TEST_F(TakeoverTest, SaveThatHangsInARollbackDoesNotBringTheVersionBeforeBackWhenItReturns) {
  expect_reloads();
  hold_save_after(1);
  expect(reason(manager->rollback("unit_stateful")), "hangs in a hook of the reload");
  pipes.wait_until_inside();
  pipes.let_go();
  expect_goes_on_as(2);
  EXPECT_TRUE(manager->rollback("unit_stateful").status);
}

}  // namespace
}  // namespace cm::plugin::test
