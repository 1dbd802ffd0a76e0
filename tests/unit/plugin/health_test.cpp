// How a service says that it is unhealthy, and what its host makes of it.
#include "cellmesh/abi/health.h"
#include "cellmesh/abi/directory.h"
#include "harness.hpp"

namespace cm::plugin::test {
namespace {

class HealthTest : public testing::Test {
 protected:
  [[nodiscard]] const cm_host_health& health() const { return puppet.ext<cm_host_health>(CM_EXT_HEALTH); }
  [[nodiscard]] std::string in_registry() { return rig.registry.find(service->ref())->unhealthy; }
  bool becomes(const std::string& reason) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (in_registry() != reason && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
    return in_registry() == reason;
  }
  cm_status say(const char* reason) {
    return rig.run(service, [&] { return health().unhealthy(puppet.host, reason); });
  }

  Puppet puppet{"sick"};
  Rig rig;
  std::shared_ptr<Service> service;
};

TEST_F(HealthTest, UnhealthyServiceIsNotPickedUntilItIsHealthyAgain) {
  service = rig.start(puppet);
  EXPECT_EQ(in_registry(), "");
  EXPECT_EQ(say("the database is away"), CM_OK);
  EXPECT_EQ(in_registry(), "the database is away");
  const auto picked = [&] {
    return rig.run(service, [&] {
      return puppet.ext<cm_host_directory>(CM_EXT_DIRECTORY).pick(puppet.host, "sick");  // given on its thread alone
    });
  };
  EXPECT_EQ(picked(), 0U);
  std::string shown;
  rig.run(service, [&] {
    const auto visit = [](void* out, const cm_service_info* info) {
      *static_cast<std::string*>(out) = info->unhealthy;
    };
    puppet.ext<cm_host_directory>(CM_EXT_DIRECTORY).get(puppet.host, puppet.host->self, visit, &shown);
  });
  EXPECT_EQ(shown, "the database is away");
  EXPECT_EQ(rig.run(service, [&] { return health().healthy(puppet.host); }), CM_OK);
  EXPECT_EQ(in_registry(), "");
  EXPECT_EQ(picked(), puppet.host->self);
}

TEST_F(HealthTest, SaysSoBeforeAnybodySeesItWhileItIsCreated) {
  puppet.on_create = [&] { return health().unhealthy(puppet.host, "not yet"); };
  service = rig.start(puppet);
  EXPECT_EQ(in_registry(), "not yet");
}

TEST_F(HealthTest, ReasonIsOneLineOfUtf8) {
  service = rig.start(puppet);
  EXPECT_EQ(say(""), CM_INVALID);
  EXPECT_EQ(rig.run(service, [&] { return health().unhealthy(puppet.host, nullptr); }), CM_INVALID);
  EXPECT_EQ(say("a\nb\xff"), CM_OK);
  EXPECT_EQ(in_registry(), "a b?");
  EXPECT_EQ(say(std::string(10'000, 'x').c_str()), CM_OK);
  EXPECT_TRUE(becomes(std::string(CM_MAX_HEALTH_REASON, 'x')));
}

TEST_F(HealthTest, ChangesForEverAreNotAllTold) {
  service = rig.start(puppet);
  rig.run(service, [&] {
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(health().unhealthy(puppet.host, std::to_string(i).c_str()), CM_OK);
    }
  });
  EXPECT_TRUE(becomes("999"));
  const auto changes = rig.events.all();
  EXPECT_LT(std::count_if(changes.begin(), changes.end(),
                          [](const auto& event) { return event.first == routing::Registry::Event::changed; }),
            20);
}

TEST_F(HealthTest, OtherThreadsAreRefused) {
  service = rig.start(puppet);
  const cm_host_health* functions = nullptr;
  const cm_host* host = nullptr;
  rig.run(service, [&] {
    functions = &health();
    host = puppet.host;
  });
  EXPECT_EQ(functions->unhealthy(host, "x"), CM_WRONG_THREAD);
  EXPECT_EQ(functions->healthy(host), CM_WRONG_THREAD);
}

}  // namespace
}  // namespace cm::plugin::test
