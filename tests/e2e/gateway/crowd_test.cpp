// Many clients, silent ones, and ones that do not read.
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "e2e/fixture.hpp"

namespace cm::test {
namespace {

using proto::NoticeACK;

constexpr rlim_t kReserve = 200;

class Crowd : public OnEveryWay {
 protected:
  // Clients of the agent, admitted or not.
  [[nodiscard]] std::int64_t clients() {
    return mesh().host("agent").query({"clients"}).at("total").to_number<std::int64_t>();
  }
  [[nodiscard]] std::size_t resident_bytes() {
    std::ifstream statm("/proc/" + std::to_string(mesh().host("agent").process().pid()) + "/statm");
    std::size_t total = 0;
    std::size_t resident = 0;
    statm >> total >> resident;
    return resident * 4096;
  }
};
CM_ON_EVERY_WAY(Crowd);

TEST_P(Crowd, TenThousandSilentConnectionsDisturbNobody) {
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = files.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  // Where the machine gives fewer descriptors, so many as it gives. Beside TCP each takes the test a thread.
  const auto count = transport() == "tcp"
                         ? static_cast<std::size_t>(std::min<rlim_t>(10'000, files.rlim_cur - kReserve))
                         : std::size_t{300};

  const std::string agent = ticket().agent;
  std::vector<Client> silent;
  silent.reserve(count);
  while (silent.size() < count) silent.emplace_back(agent);
  ASSERT_TRUE(wait_until([&] { return clients() >= static_cast<std::int64_t>(count); })) << clients();

  Client one = player();
  Client two = player();
  chat(one, "among thousands");
  expect_chat(two, "among thousands");
  EXPECT_TRUE(silent.back().silent(milliseconds(1)));
  silent.clear();
  EXPECT_TRUE(wait_until([&] { return clients() <= 2; })) << clients();
}

TEST_P(Crowd, WhoNeverReadsIsClosedAndTheOthersHearAll) {
  Client talker = player();
  Client listener = player();
  const auto before = clients();
  Client deaf = player();
  ASSERT_EQ(clients(), before + 1);
  const auto memory = resident_bytes();

  const std::string noise(60'000, 'n');
  int sent = 0;
  while (clients() > before) {
    ASSERT_LT(++sent, 2000) << "a client that does not read is still there";
    const std::string content = noise + std::to_string(sent);
    talker.send(chat_req(content));
    expect_chat(talker, content);
    expect_chat(listener, content);
  }
  EXPECT_LT(resident_bytes(), memory + (32U << 20U));
  // What had been sent before the limit may still come; the end does, and says why where it could be said.
  std::optional<NoticeACK> last;
  try {
    last = deaf.expect_close();
  } catch (const std::system_error&) {
  }
  if (last) {
    EXPECT_EQ(last->code(), NoticeACK::TooSlow);
  }
  chat(talker, "and on it goes");
}

TEST_P(Crowd, OneTooManyIsToldThatTheGatewayIsFull) {
  Client inside = player();
  ScopedSetting limit(mesh(), "agent/max_clients", std::to_string(clients()));
  std::vector<Client> others;
  ASSERT_TRUE(wait_until([&] {  // until the new limit is live
    others.push_back(stranger());
    return !others.back().silent(milliseconds(50));
  }));
  expect_end(others.back(), NoticeACK::Full, 1013);
  chat(inside, "who is inside stays");
}

TEST_P(Crowd, KickedClientIsToldAndCloses) {
  Client kicked = player();
  Client other = player();
  std::string name;
  const auto clients = mesh().host("agent").query({"clients"});
  for (const auto& row : clients.at("clients").as_array()) {
    if (row.at("address").as_string() != kicked.local_address()) continue;
    EXPECT_EQ(row.at("transport").as_string(), transport());
    name = row.at("client").as_string();
  }
  ASSERT_FALSE(name.empty());
  (void)mesh().host("agent").query({"kick", name});
  expect_end(kicked, NoticeACK::Kicked);
  chat(other, "not me");
}

class Heartbeat : public OnEveryWay {};
CM_ON_DEPLOYMENTS(Heartbeat);

TEST_P(Heartbeat, WhoIsSilentTooLongIsClosedAndWhoPingsStays) {
  ScopedSetting heartbeat(mesh(), "agent/heartbeat_sec", "1");
  auto pingers = players_by_every_transport(mesh());
  auto silent = players_by_every_transport(mesh());
  for (auto& client : silent) {
    ASSERT_TRUE(wait_until([&] {
      if (!client.silent(milliseconds(50))) return true;
      for (auto& pinger : pingers) {
        pinger.send(proto::PingACK());
        pinger.expect<proto::PingACK>();
      }
      return false;
    }));
    expect_end(client, NoticeACK::Idle);
  }
  for (auto& pinger : pingers) chat(pinger, "still here");
}

}  // namespace
}  // namespace cm::test
