// A plugin's code is replaced while the links to its players break, again and again.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>

#include "e2e/reload/traffic.hpp"
#include "support/deployment.hpp"

namespace cm::test {
namespace {

namespace fs = std::filesystem;

std::uint64_t reconnects(Host& host) {
  std::uint64_t sum = 0;
  const auto links = host.query({"links"});
  for (const auto& link : links.as_array()) sum += link.at("reconnects").to_number<std::uint64_t>();
  return sum;
}

// Has the kernel end every connection of the host's links, at whichever end they were opened. False: it cannot.
bool break_links(Host& host) {
  const auto links = host.query({"links"});
  for (const auto& link : links.as_array()) {
    const std::string address(link.at("address").as_string());
    const std::string port = address.substr(address.rfind(':') + 1);
    const auto ss = run({.command = {"ss", "-K", "-t", "sport", "=", ":" + port, "or", "dport", "=", ":" + port},
                         .env = {},
                         .folder = {},
                         .log = {}});
    if (!ss || ss->code != 0) return false;
  }
  return true;
}

TEST(ReloadWhileLinksBreak, NothingIsLostDoubledOrReordered) {
  TempDir folder;
  const fs::path plugins = folder / "plugins";
  copy_plugins(plugins);
  fs::copy_file(test_plugins() / "keeper_v1.so", plugins / "keeper.so");
  Deployment mesh(Shape::consul, {.plugin_dir = plugins, .arguments = {}, .env = {}});
  Host& host = mesh.add_host("keeper", {"--plugins", "keeper"});
  ASSERT_TRUE(wait_until([&] { return mesh.consul().kv_get("cellmesh/routes/keeper").has_value(); }));
  ASSERT_TRUE(wait_until([&] { return keeper_version(mesh.login_address()) == 1; }));
  if (!break_links(host) || !wait_until([&] { return reconnects(host) > 0; }, seconds(5))) {
    GTEST_SKIP() << "this machine does not let connections be ended from outside (ss -K)";
  }

  Traffic traffic(mesh.login_address());
  ASSERT_TRUE(traffic.await(20)) << traffic.end();
  const auto before = reconnects(host);
  std::atomic<bool> enough = false;
  std::thread breaker([&] {
    while (!enough) {
      const auto then = reconnects(host);
      EXPECT_TRUE(break_links(host));
      // Each cut is of links that came back after the one before.
      EXPECT_TRUE(wait_until([&] { return reconnects(host) > then; }));
    }
  });
  for (int i = 0; i < 20; ++i) {
    const std::string version = i % 2 == 0 ? "keeper_v2" : "keeper_v1";
    const auto ctl = host.ctl({"reload", "keeper", (test_plugins() / (version + ".so")).string()});
    EXPECT_EQ(ctl.code, 0) << ctl.output;
    EXPECT_TRUE(traffic.await(20)) << traffic.end();
  }
  enough = true;
  breaker.join();
  EXPECT_TRUE(traffic.await(20));
  EXPECT_EQ(traffic.end(), "");
  EXPECT_EQ(traffic.version(), 1U);
  EXPECT_GE(reconnects(host) - before, 5U);
}

}  // namespace
}  // namespace cm::test
