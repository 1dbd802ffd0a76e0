// Clients never take the last descriptors.
#include <sys/resource.h>

#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

using proto::NoticeACK;

TEST(Descriptors, ThatClientsLeaveKeepTheHostGoing) {
  Deployment mesh(Shape::embedded);
  Host& host = mesh.host("agent");
  Client inside = mesh.player();
  const rlimit few{256, 256};
  ASSERT_EQ(::prlimit(host.process().pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  std::vector<Client> crowd;
  for (int i = 0; i < 400; ++i) crowd.emplace_back(mesh.url("agent", "tcp"));

  ASSERT_TRUE(wait_until([&] { return host.query({"status"}).at("clients_refused").to_number<std::int64_t>() > 0; }))
      << "all were taken";
  EXPECT_EQ(host.ctl({"reload", "echo"}).code, 0) << "there is none left for a reload";
  chat(inside, "among many");
  int told = 0;
  for (Client& client : crowd) {
    if (client.silent(milliseconds(1))) continue;  // it is one of those that got in
    if (const auto notice = client.expect_close()) told += notice->code() == NoticeACK::Full ? 1 : 0;
  }
  EXPECT_GT(told, 0);
  EXPECT_TRUE(host.wait_for_log("clients are refused: all descriptors but those kept"));

  crowd.clear();
  Client next = mesh.player();
  chat(next, "there is room again");
  expect_chat(inside, "there is room again");
}

}  // namespace
}  // namespace cm::test
